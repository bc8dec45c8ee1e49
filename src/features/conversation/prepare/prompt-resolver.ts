import type { User } from '../../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { groupNames, type PrepareDeps } from './index.ts';
import { resolvePrompt } from './prompt-variables.ts';

/** Fills in the system prompt of a model where a request goes to its provider without a turn. */
export function createPromptResolver(deps: Pick<PrepareDeps, 'access' | 'database'>) {
  return (prompt: string, user: User, metadata: Readonly<JsonObject>): Promise<string> => {
    const given: JsonObject = isObject(metadata.variables) ? metadata.variables : {};
    const variables: Record<string, string> = {};
    for (const [key, value] of Object.entries(given)) {
      if (/^\{\{[A-Z_]+\}\}$/.test(key) && typeof value === 'string') variables[key] = value;
    }
    const chatVariables = isObject(metadata.chat_variables) ? metadata.chat_variables : {};
    return resolvePrompt(prompt, { user, variables, chatVariables, groupNames: groupNames(user.id, deps) });
  };
}
