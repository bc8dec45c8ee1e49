import type { User } from '../../kernel/http/principal.ts';
import type { Route } from '../../kernel/http/route.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { KnowledgeDeps } from './context.ts';
import { knowledgeRoutes } from './routes.ts';
import { createKnowledge } from './service.ts';

/** Knowledge bases, for uploads that go straight into one. */
export interface KnowledgeBases {
  routes: Route[];
  /** Links an upload that has been read to the base its metadata names; an HttpError's text says why it cannot be. */
  attach(user: User, file: { id: string; hash: string | null }, metadata: JsonObject): Promise<void>;
}

export function createKnowledgeBases(deps: KnowledgeDeps): KnowledgeBases {
  const knowledge = createKnowledge(deps);
  return { routes: knowledgeRoutes(deps, knowledge), attach: knowledge.attach };
}
