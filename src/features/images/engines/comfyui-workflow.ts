import { randomInt } from 'node:crypto';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { failed } from '../engine.ts';

/** Values that go into a workflow at the nodes the administrator has named. */
export interface WorkflowValues {
  model: string;
  prompt: string;
  negativePrompt: string | null;
  width: number | null;
  height: number | null;
  n: number | null;
  steps: number | null;
  seed: number | null;
  /** Names of pictures that were uploaded. */
  images: readonly string[];
}

/** Seeds have 50 bits. */
const HALF_SEED = 2 ** 25;
const OUTPUTS = new Set(['SaveImage', 'SaveImageAdvanced', 'PreviewImage']);

/** The workflow with the values at their nodes (providers note, 13.6). Throws the 400 for a text that is no workflow. */
export function fillWorkflow(text: string, nodes: readonly unknown[], values: WorkflowValues): JsonObject {
  const workflow = parse(text);
  for (const node of nodes.filter(isObject)) applyNode(workflow, node, values);
  return workflow;
}

function parse(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (cause) {
    throw failed('The ComfyUI workflow is no JSON', cause);
  }
  throw failed('The ComfyUI workflow is no JSON object');
}

function applyNode(workflow: JsonObject, node: JsonObject, values: WorkflowValues): void {
  const ids = Array.isArray(node.node_ids) ? node.node_ids.map(String) : [];
  const [usual, valueAt] = inputOf(node, values);
  const key = typeof node.key === 'string' && node.key !== '' ? node.key : usual;
  for (const [at, id] of ids.entries()) {
    const value = valueAt(at);
    if (value === null) continue;
    const target = workflow[id];
    if (!isObject(target)) throw failed(`The ComfyUI workflow has no node ${id}`);
    if (!isObject(target.inputs)) target.inputs = {};
    (target.inputs as JsonObject)[key] = value;
  }
}

/** The input a kind of node usually has, and what goes into the n-th of its nodes; null leaves it as it is. */
function inputOf(node: JsonObject, values: WorkflowValues): [usual: string, valueAt: (at: number) => unknown] {
  switch (node.type) {
    case 'model':
      return ['text', () => values.model];
    case 'prompt':
      return ['text', () => values.prompt];
    case 'negative_prompt':
      return ['text', () => values.negativePrompt ?? ''];
    case 'width':
      return ['width', () => values.width];
    case 'height':
      return ['height', () => values.height];
    case 'steps':
      return ['steps', () => values.steps];
    case 'n':
      return ['batch_size', () => values.n];
    case 'seed': {
      const seed = values.seed ?? randomInt(HALF_SEED) * HALF_SEED + randomInt(HALF_SEED);
      return ['seed', () => seed];
    }
    case 'image':
      return ['image', (at) => values.images[at] ?? null];
    default:
      return ['text', () => node.value ?? null];
  }
}

/** A picture as ComfyUI's history names it. */
export interface OutputPicture {
  filename: string;
  subfolder: string;
  type: string;
}

/** The pictures that the nodes for output have made, by the history of the prompt. */
export function outputPictures(workflow: JsonObject, outputs: unknown): OutputPicture[] {
  if (!isObject(outputs)) return [];
  return Object.entries(outputs).flatMap(([id, output]) => {
    const node = workflow[id];
    if (!isObject(node) || !OUTPUTS.has(String(node.class_type))) return [];
    const images = isObject(output) && Array.isArray(output.images) ? output.images.filter(isObject) : [];
    return images.map(({ filename, subfolder, type }) => ({
      filename: String(filename ?? ''),
      subfolder: String(subfolder ?? ''),
      type: String(type ?? ''),
    }));
  });
}
