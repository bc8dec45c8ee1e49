import { isObject, type JsonObject } from '../../../kernel/json.ts';

/** Asks the person at the tab (`request:elicitation`); gives what the tab acknowledged. */
export type Ask = (question: JsonObject, signal: AbortSignal) => Promise<unknown>;

export type Elicited = { action: 'accept'; content?: Record<string, string | number | boolean | string[]> } | Refused;
type Refused = { action: 'decline' | 'cancel' };

const CANCEL: Refused = { action: 'cancel' };

/** Puts a server's question to the person; whatever does not fit the question counts as cancelled (plugins note, 5.6). */
export async function elicit(
  params: JsonObject,
  { ask, serverName, signal }: { ask: Ask; serverName: string; signal: AbortSignal },
): Promise<Elicited> {
  const question = questionOf(params, serverName);
  if (!question) return CANCEL;
  const answer = await ask(question, signal);
  if (!isObject(answer)) return CANCEL;
  if (answer.action === 'decline') return { action: 'decline' };
  if (answer.action !== 'accept') return CANCEL;
  if (question.mode === 'url') return { action: 'accept' };
  const content = isObject(answer.content) ? answer.content : {};
  return (await fits(content, question.requestedSchema)) ? { action: 'accept', content: content as never } : CANCEL;
}

function questionOf(params: JsonObject, serverName: string): JsonObject | null {
  const message = typeof params.message === 'string' ? params.message : '';
  if (params.mode === 'url') {
    const { url } = params;
    return typeof url === 'string' && isOpenable(url) ? { mode: 'url', message, url, server_name: serverName } : null;
  }
  const { requestedSchema } = params;
  return isObject(requestedSchema) ? { mode: 'form', message, requestedSchema, server_name: serverName } : null;
}

/** A page of the web, without a name and password that would be sent along. */
function isOpenable(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
}

async function fits(content: JsonObject, schema: unknown): Promise<boolean> {
  if (!isObject(schema) || refersElsewhere(schema)) return false;
  const { AjvJsonSchemaValidator } = await import('@modelcontextprotocol/client/validators/ajv');
  try {
    return new AjvJsonSchemaValidator().getValidator(schema)(content).valid;
  } catch {
    // A schema nobody can check an answer against.
    return false;
  }
}

function refersElsewhere(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(refersElsewhere);
  if (!isObject(value)) return false;
  if (typeof value.$ref === 'string' && !value.$ref.startsWith('#')) return true;
  return Object.values(value).some(refersElsewhere);
}
