import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Track } from './animation-file.ts';
import { isIndex, objects, refuse } from './container.ts';

const MAX_CHANNELS = 256;
const MAX_SECONDS = 60;
const WIDTHS: Readonly<Record<string, number>> = { rotation: 4, translation: 3 };

/** The one animation of the file: what it moves, when, and for how long. `bones` are the nodes that are bones of the body. */
export function checkChannels(gltf: JsonObject, tracks: readonly Track[], bones: ReadonlySet<number>): void {
  const animations = objects(gltf, 'animations');
  const [animation] = animations;
  if (animations.length !== 1 || !animation) throw refuse('Export exactly one animation per VRMA file.');
  const channels = objects(animation, 'channels');
  const samplers = objects(animation, 'samplers');
  const nodes = objects(gltf, 'nodes').length;
  if (channels.length < 1 || channels.length > MAX_CHANNELS) throw refuse('Unsupported animation channel.');
  let duration = 0;
  let movesBody = false;
  for (const channel of channels) {
    const target = isObject(channel.target) ? channel.target : {};
    const width = WIDTHS[String(target.path)];
    if (width === undefined) throw refuse('Unsupported animation channel.');
    if (!isIndex(target.node, nodes) || !isIndex(channel.sampler, samplers.length)) throw wrongReference();
    duration = Math.max(duration, checkSampler(samplers[channel.sampler] ?? {}, tracks, width));
    movesBody ||= bones.has(target.node);
  }
  if (!movesBody || duration <= 0 || duration > MAX_SECONDS) {
    throw refuse('Use a body animation between 0 and 60 seconds.');
  }
}

const wrongReference = () => refuse('Invalid animation reference.');

/** Gives the time of the last keyframe, in seconds. */
function checkSampler(
  { input, output, interpolation = 'LINEAR' }: JsonObject,
  tracks: readonly Track[],
  width: number,
) {
  if (!isIndex(input, tracks.length) || !isIndex(output, tracks.length)) throw wrongReference();
  const [times, values] = [tracks[input], tracks[output]];
  if (!times || !values) throw wrongReference();
  const rises = times.values.every((time, at) => time >= 0 && (at === 0 || time > (times.values[at - 1] ?? 0)));
  if (times.width !== 1 || !rises) throw refuse('Invalid animation timing.');
  if (interpolation !== 'LINEAR' && interpolation !== 'STEP') {
    throw refuse('Export baked animation with linear or stepped keyframes.');
  }
  if (values.width !== width || values.values.length !== times.values.length * width) {
    throw refuse('Invalid animation output.');
  }
  return times.values.at(-1) ?? 0;
}
