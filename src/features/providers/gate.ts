import type { User } from '../../kernel/http/principal.ts';

/** What of a model's row decides about a request to its provider. */
export interface GateRow {
  id: string;
  base_model_id: string | null;
  params: unknown;
}

/** Who may use which model id, whether a list has it or not; the models feature answers. */
export interface ModelGate {
  row(id: string): Promise<GateRow | null>;
  /** Throws 403 unless the user may use the model and everything it is built on (providers note, 0.4, check R). */
  check(user: User, id: string): Promise<void>;
  /** Of these ids, those a list shows the user. */
  readable(user: User, ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** System prompt with its variables filled in. */
  resolvePrompt(prompt: string, user: User, metadata: Readonly<Record<string, unknown>>): Promise<string>;
}
