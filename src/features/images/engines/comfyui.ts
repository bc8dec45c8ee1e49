import { randomUUID } from 'node:crypto';
import type { RawData, WebSocket } from 'ws';
import { formBody } from '../../../kernel/egress/index.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import {
  askJson,
  type EditWish,
  failed,
  fromAddress,
  type Made,
  pixels,
  post,
  type Reach,
  some,
  type Wish,
} from '../engine.ts';
import { fillWorkflow, type OutputPicture, outputPictures, type WorkflowValues } from './comfyui-workflow.ts';

export interface ComfyuiSettings {
  base: string;
  key: string;
  /** JSON text. */
  workflow: string;
  nodes: readonly unknown[];
  model: string;
  size: string;
  steps: number | null;
}

type Server = Pick<ComfyuiSettings, 'base' | 'key'>;

const HANDSHAKE_MS = 15_000;
/** How long a workflow may take. */
const WORK_MS = 15 * 60_000;
/** Previews come as binary messages. */
const MESSAGE_BYTES = 64 * 1024 * 1024;

const headersOf = ({ key }: Server): Record<string, string> => (key === '' ? {} : { authorization: `Bearer ${key}` });

export const objectInfo = (reach: Reach, server: Server): Promise<JsonObject> =>
  askJson(reach, `${server.base}/object_info`, { headers: headersOf(server) });

/** Models that the loader of the workflow offers; without one, the checkpoints (providers note, 13.4). */
export async function models(reach: Reach, settings: ComfyuiSettings): Promise<{ id: string; name: string }[]> {
  const info = await objectInfo(reach, settings);
  return optionsOf(info, loaderOf(settings)).map((name) => ({ id: name, name }));
}

function loaderOf({ workflow, nodes }: ComfyuiSettings): string | null {
  const node = nodes.filter(isObject).find(({ type }) => type === 'model');
  const id = node && Array.isArray(node.node_ids) ? node.node_ids[0] : undefined;
  if (id === undefined) return null;
  const parsed: unknown = JSON.parse(workflow);
  const found = isObject(parsed) ? parsed[String(id)] : undefined;
  return isObject(found) && typeof found.class_type === 'string' ? found.class_type : null;
}

function optionsOf(info: JsonObject, loader: string | null): string[] {
  const required = (name: string): JsonObject => {
    const node = info[name];
    const input = isObject(node) && isObject(node.input) ? node.input : {};
    return isObject(input.required) ? input.required : {};
  };
  const inputs = required(loader ?? 'CheckpointLoaderSimple');
  const key = loader === null ? 'ckpt_name' : Object.keys(inputs).find((name) => name.includes('_name'));
  const choice = key === undefined ? undefined : inputs[key];
  const list: unknown = Array.isArray(choice) ? choice[0] : undefined;
  if (!Array.isArray(list)) throw failed('The engine has no list of models');
  return list.filter((name) => typeof name === 'string');
}

export async function generate(reach: Reach, settings: ComfyuiSettings, wish: Wish): Promise<Made> {
  const values: WorkflowValues = {
    model: settings.model,
    prompt: wish.prompt,
    negativePrompt: wish.negativePrompt,
    ...pixels(wish.size, settings.size),
    n: wish.n ?? 1,
    steps: wish.steps ?? settings.steps,
    seed: null,
    images: [],
  };
  const { pictures, workflow } = await work(reach, settings, values, (found) => found);
  const { images: _none, negativePrompt, seed: _seed, model: _model, ...kept } = values;
  return {
    pictures,
    parameters: {
      ...kept,
      ...(negativePrompt !== null && { negative_prompt: negativePrompt }),
      workflow: { workflow: JSON.stringify(workflow), nodes: settings.nodes },
    },
  };
}

export async function edit(reach: Reach, settings: ComfyuiSettings, wish: EditWish): Promise<Made> {
  const images = await Promise.all(wish.pictures.map((picture) => upload(reach, settings, picture)));
  const size = settings.size.includes('x') ? pixels(settings.size) : { width: null, height: null };
  const values: WorkflowValues = {
    model: settings.model,
    prompt: wish.prompt,
    negativePrompt: null,
    ...size,
    n: wish.n,
    steps: null,
    seed: null,
    images,
  };
  const { pictures, workflow } = await work(reach, settings, values, preferred);
  return {
    pictures,
    parameters: {
      prompt: wish.prompt,
      image: images,
      ...(size.width !== null && size),
      ...(wish.n !== null && { n: wish.n }),
      workflow: { workflow: JSON.stringify(workflow), nodes: settings.nodes },
    },
  };
}

/** What a workflow saves counts more than what it only shows. */
function preferred(found: OutputPicture[]): OutputPicture[] {
  const saved = found.filter(({ type }) => type === 'output');
  return saved.length > 0 ? saved : found;
}

async function upload(
  reach: Reach,
  settings: ComfyuiSettings,
  { bytes, type, extension }: EditWish['pictures'][number],
): Promise<string> {
  const form = new FormData();
  form.append('image', new Blob([new Uint8Array(bytes)], { type }), `${randomUUID()}${extension}`);
  form.append('type', 'input');
  const { body, type: contentType } = await formBody(form);
  const headers = { ...headersOf(settings), 'content-type': contentType };
  const { name } = await askJson(reach, `${settings.base}/api/upload/image`, { method: 'POST', headers, body });
  if (typeof name !== 'string') throw failed('The engine did not take the picture');
  return name;
}

async function work(
  reach: Reach,
  settings: ComfyuiSettings,
  values: WorkflowValues,
  choose: (found: OutputPicture[]) => OutputPicture[],
) {
  const { base } = settings;
  const workflow = fillWorkflow(settings.workflow, settings.nodes, values);
  const headers = headersOf(settings);
  const id = await run(reach, settings, workflow);
  const history = await askJson(reach, `${base}/history/${encodeURIComponent(id)}`, { headers });
  const entry = history[id];
  const found = choose(outputPictures(workflow, isObject(entry) ? entry.outputs : null));
  const addresses = new Set(
    some(found, 'The ComfyUI workflow made no picture').map(
      ({ filename, subfolder, type }) => `${base}/view?${new URLSearchParams({ filename, subfolder, type })}`,
    ),
  );
  const pictures = await Promise.all([...addresses].map((url) => fromAddress(reach, url, { base, headers })));
  return { pictures, workflow };
}

/** Queues the workflow and waits until it has run; gives its id. */
async function run(reach: Reach, settings: ComfyuiSettings, workflow: JsonObject): Promise<string> {
  const { base } = settings;
  const clientId = randomUUID();
  const signal = AbortSignal.any([reach.signal, AbortSignal.timeout(WORK_MS)]);
  const headers = headersOf(settings);
  const socket = await reach.egress.webSocket(`${base.replace(/^http/i, 'ws')}/ws?clientId=${clientId}`, {
    headers,
    handshakeMs: HANDSHAKE_MS,
    maxPayload: MESSAGE_BYTES,
    signal,
  });
  try {
    const ended = listen(socket, signal);
    socket.resume();
    const body = { prompt: workflow, client_id: clientId };
    const answer = await askJson(
      { ...reach, signal },
      `${base}/prompt`,
      post(body, { ...headers, 'user-agent': 'Mozilla/5.0' }),
    );
    const { prompt_id: id } = answer;
    if (typeof id !== 'string') throw failed('The engine did not take the workflow');
    await ended(id);
    return id;
  } finally {
    socket.terminate();
  }
}

/** Listens from the start, since a short workflow may have ended before its id is known here. */
function listen(socket: WebSocket, signal: AbortSignal): (id: string) => Promise<void> {
  const done = new Set<string>();
  let wake = () => {};
  let over = false;
  const end = () => {
    over = true;
    wake();
  };
  socket.on('message', (data: RawData, isBinary: boolean) => {
    const id = isBinary ? null : finished(data);
    if (id === null) return;
    done.add(id);
    wake();
  });
  // A server that leaves early may have finished all the same: its history says so.
  socket.on('close', end);
  signal.addEventListener('abort', end, { once: true });
  return async (id) => {
    while (!done.has(id) && !over) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    signal.throwIfAborted();
  };
}

function finished(data: RawData): string | null {
  let message: unknown;
  try {
    message = JSON.parse(String(data));
  } catch {
    return null;
  }
  if (!isObject(message) || message.type !== 'executing' || !isObject(message.data)) return null;
  const { node, prompt_id: id } = message.data;
  return node === null && typeof id === 'string' ? id : null;
}
