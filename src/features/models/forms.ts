import { ValidationError } from '../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { readMeta, readParams } from './content.ts';

const BACKGROUND = /^\/api\/v1\/files\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/content$/;
const FILE_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const GESTURE_NAME = /^[a-z][a-z0-9_]{0,47}$/;
const GESTURES = 16;

function refused(loc: (string | number)[], msg: string, input: unknown): ValidationError {
  return new ValidationError([{ type: 'value_error', loc: ['body', ...loc], msg: `Value error, ${msg}`, input }]);
}

/**
 * `meta` as it is stored: normalised, pictures nobody may use left out. 422 for a background, a voice or an avatar that
 * cannot be one (providers note, 10.1). `isPicture` tells whether a picture address may be stored.
 */
export function readMetaForm(given: JsonObject, isPicture: (url: string) => boolean): JsonObject {
  const meta = readMeta(given);
  const { profile_image_url: picture, background_image_url: background } = meta;
  if (picture !== null && !(typeof picture === 'string' && isPicture(picture))) meta.profile_image_url = null;
  if (background !== null && !(typeof background === 'string' && BACKGROUND.test(background))) {
    throw refused(['meta', 'background_image_url'], 'Background image must be an uploaded file.', background);
  }
  meta.voice = readVoice(meta.voice);
  meta.voice_avatar = readAvatar(meta.voice_avatar);
  return meta;
}

function readVoice(voice: unknown): JsonObject | null {
  if (voice === null) return null;
  const name = isObject(voice) ? (voice.voice ?? null) : undefined;
  if (name === null) return { voice: null };
  if (typeof name !== 'string' || !/^\S{1,200}$/u.test(name)) {
    throw refused(['meta', 'voice', 'voice'], 'Voice must be 1 to 200 characters without blanks.', name);
  }
  return { voice: name };
}

/** Members of older releases; they mean nothing now. */
const OLD_AVATAR = new Set(['preset', 'movement', 'mouth', 'gaze']);
const STATES = ['idle', 'listening', 'speaking'];

function readAvatar(avatar: unknown): JsonObject | null {
  if (avatar === null) return null;
  const loc = ['meta', 'voice_avatar'];
  if (!isObject(avatar)) throw refused(loc, 'Invalid avatar.', avatar);
  for (const key of Object.keys(avatar)) {
    if (!OLD_AVATAR.has(key) && !['file_id', 'states', 'gestures'].includes(key)) {
      throw new ValidationError([
        {
          type: 'extra_forbidden',
          loc: ['body', ...loc, key],
          msg: 'Extra inputs are not permitted',
          input: avatar[key],
        },
      ]);
    }
  }
  const fileId = fileIdOf(avatar.file_id, [...loc, 'file_id']);
  const states: JsonObject = {};
  for (const [state, clip] of Object.entries(isObject(avatar.states) ? avatar.states : {})) {
    if (clip === null) continue;
    const at = [...loc, 'states', state];
    if (!STATES.includes(state) || !isObject(clip)) throw refused(at, 'Invalid avatar state.', clip);
    states[state] = { file_id: fileIdOf(clip.file_id, [...at, 'file_id']) };
  }
  return { file_id: fileId, states, gestures: readGestures(avatar.gestures ?? [], [...loc, 'gestures']) };
}

function fileIdOf(value: unknown, loc: string[]): string {
  if (typeof value === 'string' && FILE_ID.test(value)) return value;
  throw refused(loc, 'Expected the id of an uploaded file.', value);
}

function readGestures(list: unknown, loc: string[]): JsonObject[] {
  if (!Array.isArray(list) || list.length > GESTURES) throw refused(loc, `At most ${GESTURES} gestures.`, list);
  const names = new Set<string>();
  return list.map((gesture: unknown) => {
    const { file_id: file, name, description } = isObject(gesture) ? gesture : ({} as JsonObject);
    if (typeof name !== 'string' || !GESTURE_NAME.test(name) || names.has(name)) {
      throw refused(loc, 'Gesture names must be unique, in lower case, with digits and underscores.', gesture);
    }
    if (typeof description !== 'string' || description.trim() === '' || description.length > 500) {
      throw refused(loc, 'A gesture needs a description of at most 500 characters.', gesture);
    }
    names.add(name);
    return { file_id: fileIdOf(file, loc), name, description };
  });
}

const CONTROL_KEY = /^(?!(?:constructor|prototype)$)[a-zA-Z][a-zA-Z0-9_-]*$/;

/** `params` as they are stored. 422 for model controls that are none (providers note, 10.4). */
export function readParamsForm(given: JsonObject): JsonObject {
  const controls = given.model_controls;
  if (controls === undefined || controls === null) return readParams(given);
  if (!isObject(controls)) throw refused(['params', 'model_controls'], 'Expected an object.', controls);
  const read = Object.entries(controls).map(([key, control]) => [key, readControl(key, control)] as const);
  return readParams({ ...given, model_controls: Object.fromEntries(read) });
}

function readControl(key: string, control: unknown): JsonObject {
  const loc = ['params', 'model_controls', key];
  if (!CONTROL_KEY.test(key)) throw refused(loc, 'Control keys begin with a letter.', key);
  if (!isObject(control)) throw refused(loc, 'Expected an object.', control);
  const { label, description, display, default: chosen } = control;
  const options = isObject(control.options) ? control.options : {};
  const count = Object.keys(options).length;
  if (typeof label !== 'string' || label.trim() === '') throw refused([...loc, 'label'], 'A label is needed.', label);
  if (display !== undefined && display !== null && display !== 'menu' && display !== 'slider') {
    throw refused([...loc, 'display'], "Expected 'menu' or 'slider'.", display);
  }
  if (count < (display === 'slider' ? 2 : 1)) throw refused([...loc, 'options'], 'More options are needed.', options);
  if (chosen !== undefined && chosen !== null && !(typeof chosen === 'string' && Object.hasOwn(options, chosen))) {
    throw refused([...loc, 'default'], 'The default must be one of the options.', chosen);
  }
  const read = Object.entries(options).map(([name, option]) => {
    if (!isObject(option) || typeof option.label !== 'string' || option.label.trim() === '') {
      throw refused([...loc, 'options', name], 'An option needs a label.', option);
    }
    const { params = {} } = option;
    if (!isObject(params)) throw refused([...loc, 'options', name, 'params'], 'Expected an object.', params);
    return [name, { label: option.label, params }] as const;
  });
  return {
    ...(display === 'slider' && { display }),
    label,
    ...(typeof description === 'string' && { description }),
    ...(typeof chosen === 'string' && { default: chosen }),
    options: Object.fromEntries(read),
  };
}
