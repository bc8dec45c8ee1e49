import { isObject } from '../../../kernel/json.ts';
import type { Access } from '../../access/index.ts';
import { gesturesOf } from '../../audio/index.ts';
import type { Tabs } from '../direct/direct-models.ts';
import { type Extension, usesBuiltInTools } from '../prepare/index.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { text } from './tool.ts';

interface AnimationDeps {
  access: Pick<Access, 'permissions'>;
  tabs: Pick<Tabs, 'caller'>;
}

const NAME = 'play_animation';
/** A movement that has not begun by then is too late for what was said. */
const TIMEOUT_MS = 3_000;
const OUTCOMES = new Set(['started', 'cancelled', 'unavailable']);

/** Lets a model that is spoken with move its avatar (plugins note, 4.2). */
export function animationTool({ access, tabs }: AnimationDeps): Extension {
  return {
    place: 'tools',
    name: 'movements of the avatar',
    async run(draft) {
      const { turn } = draft;
      const { sessionId, user, request } = turn;
      if (sessionId === null || turn.internal || request.features.voice !== true) return;
      if (request.bringsTools || !usesBuiltInTools(draft) || draft.tools?.has(NAME)) return;
      const gestures = gesturesOf(turn.model.row?.meta);
      if (gestures.length === 0) return;
      if (user.role !== 'admin' && !(await access.permissions(user, 'chat.call'))) return;
      draft.tools = new Map([...(draft.tools ?? []), [NAME, toolOf({ ...turn, sessionId }, gestures, tabs)]]);
    },
  };
}

function toolOf(
  { user, chatId, replyId, sessionId, model }: TurnContext & { sessionId: string },
  gestures: ReturnType<typeof gesturesOf>,
  tabs: Pick<Tabs, 'caller'>,
): TurnTool {
  const list = gestures.map(({ name, description }) => `${name}: ${description}`).join('; ');
  const parameters = {
    type: 'object',
    properties: { name: { type: 'string', enum: gestures.map(({ name }) => name) } },
    required: ['name'],
  };
  return {
    spec: { name: NAME, description: `Has your avatar make a movement. ${list}`, parameters },
    async run(args, { signal }) {
      const name = text(args.name);
      if (!gestures.some((gesture) => gesture.name === name)) return { status: 'unavailable' };
      const caller = tabs.caller({ userId: user.id, chatId, messageId: replyId ?? '', sessionId });
      const data = { name, model_id: model.entry.id };
      const answer = await caller.call('voice:play_animation', data, { signal, timeoutMs: TIMEOUT_MS });
      const status = isObject(answer) ? text(answer.status) : '';
      return { status: OUTCOMES.has(status) ? status : 'unavailable' };
    },
  };
}
