import { admin } from '../../kernel/http/access.ts';
import { HttpError, notFound, ValidationError } from '../../kernel/http/errors.ts';
import type { MultipartForm } from '../../kernel/http/multipart.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Default, Dict, Int, Nullable, Obj, Str, shape } from '../../kernel/http/shapes.ts';
import type { Config } from '../../kernel/settings/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { ask, type Connection, connectionsOf, type Fetch, findServers } from './upstream.ts';

export interface PipelinesDeps {
  config: Pick<Config, 'get'>;
  events: EventSink;
  fetch: Fetch;
}

const base = '/api/v1/pipelines/';
const MAX_UPLOAD = 5 * 1024 * 1024;

const AddPipelineForm = shape('AddPipelineForm', { url: Str(), urlIdx: Int() });
const DeletePipelineForm = shape('DeletePipelineForm', { id: Str(), urlIdx: Int() });
const OneQuery = Obj({ urlIdx: Int() });
const ListQuery = Obj({ urlIdx: Default(Nullable(Int()), null) });

/** Pipelines servers and what they offer to administrators (plugins note, 6). */
export function pipelineRoutes({ config, events, fetch }: PipelinesDeps): Route[] {
  const connection = (idx: number | null): Connection => {
    const found = connectionsOf(config).find((one) => one.idx === idx);
    if (!found) throw notFound('Pipeline not found');
    return found;
  };
  const publish = (event: string, actor: User, id: string, data: Record<string, unknown>) =>
    events.publish(event, { actor, subject: { type: 'pipeline', id }, data });
  const valves = (id: string) => `/${encodeURIComponent(id)}/valves`;

  return [
    route({
      method: 'GET',
      url: `${base}list`,
      access: admin,
      handler: async ({ signal }) => {
        const servers = await findServers(fetch, connectionsOf(config), signal);
        return { data: servers.map(({ url, idx }) => ({ url, idx })) };
      },
    }),
    route({
      method: 'GET',
      url: base,
      access: admin,
      query: ListQuery,
      handler: ({ query, signal }) => ask(fetch, connection(query.urlIdx), '/pipelines', { signal }),
    }),
    route({
      method: 'POST',
      url: `${base}upload`,
      access: admin,
      multipart: true,
      handler: async ({ user, form, signal }) => {
        const { idx, name, content } = await readUpload(await form({ fileBytes: MAX_UPLOAD }));
        const body = new FormData();
        body.append('file', new Blob([content]), name);
        const answer = await ask(fetch, connection(idx), '/pipelines/upload', { method: 'POST', form: body, signal });
        publish('pipeline.uploaded', user, name, { filename: name });
        return answer;
      },
    }),
    route({
      method: 'POST',
      url: `${base}add`,
      access: admin,
      body: AddPipelineForm,
      handler: async ({ user, body, signal }) => {
        const how = { method: 'POST', json: { url: body.url }, signal };
        const answer = await ask(fetch, connection(body.urlIdx), '/pipelines/add', how);
        publish('pipeline.added', user, body.url, { url: body.url });
        return answer;
      },
    }),
    route({
      method: 'DELETE',
      url: `${base}delete`,
      access: admin,
      body: DeletePipelineForm,
      handler: async ({ user, body, signal }) => {
        const how = { method: 'DELETE', json: { id: body.id }, signal };
        const answer = await ask(fetch, connection(body.urlIdx), '/pipelines/delete', how);
        publish('pipeline.deleted', user, body.id, {});
        return answer;
      },
    }),
    route({
      method: 'GET',
      url: `${base}:id/valves`,
      access: admin,
      query: OneQuery,
      handler: ({ params, query, signal }) => ask(fetch, connection(query.urlIdx), valves(params.id ?? ''), { signal }),
    }),
    route({
      method: 'GET',
      url: `${base}:id/valves/spec`,
      access: admin,
      query: OneQuery,
      handler: ({ params, query, signal }) =>
        ask(fetch, connection(query.urlIdx), `${valves(params.id ?? '')}/spec`, { signal }),
    }),
    route({
      method: 'POST',
      url: `${base}:id/valves/update`,
      access: admin,
      query: OneQuery,
      body: Dict(),
      handler: async ({ user, params, query, body, signal }) => {
        const id = params.id ?? '';
        const how = { method: 'POST', json: body, signal };
        const answer = await ask(fetch, connection(query.urlIdx), `${valves(id)}/update`, how);
        publish('pipeline.valves_updated', user, id, {});
        return answer;
      },
    }),
  ];
}

async function readUpload(
  form: MultipartForm,
): Promise<{ idx: number; name: string; content: Uint8Array<ArrayBuffer> }> {
  let file: { name: string; content: Uint8Array<ArrayBuffer> } | null = null;
  for await (const part of form.files) {
    if (part.field !== 'file' || file) {
      part.stream.resume();
      continue;
    }
    if (!part.filename.endsWith('.py')) throw new HttpError(400, 'Only Python (.py) files are allowed.');
    const chunks: Buffer[] = [];
    for await (const chunk of part.stream) chunks.push(chunk as Buffer);
    file = { name: part.filename, content: new Uint8Array(Buffer.concat(chunks)) };
  }
  const idx = Number(form.fields.urlIdx ?? Number.NaN);
  const missing = [...(Number.isInteger(idx) ? [] : ['urlIdx']), ...(file ? [] : ['file'])];
  if (!file || missing.length > 0) {
    throw new ValidationError(
      missing.map((name) => ({ type: 'missing', loc: ['body', name], msg: 'Field required', input: null })),
    );
  }
  return { idx, ...file };
}
