import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Tabs } from '../direct/direct-models.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { objects, text, tool, whole } from './tool.ts';

const LIMITS = { id: 64, header: 48, question: 500, label: 80, description: 240 };
const TIMEOUT = { least: 60_000, most: 240_000, usual: 120_000 };
const [MOST_QUESTIONS, LEAST_OPTIONS, MOST_OPTIONS] = [3, 2, 3];

const option = {
  type: 'object',
  properties: {
    label: { type: 'string', description: 'A few words' },
    description: { type: 'string', description: 'What choosing it means' },
  },
  required: ['label', 'description'],
};

/** Asks the person at the tab, and waits for the answer (chat pipeline note, 8.3). */
export function askUserTool(turn: TurnContext & { sessionId: string }, tabs: Pick<Tabs, 'caller'>): [string, TurnTool] {
  return tool({
    name: 'ask_user',
    description:
      'Asks the user one to three questions with options to choose from, when the work cannot go on without knowing. Call nothing else beside it.',
    parameters: {
      questions: {
        type: 'array',
        description: 'One to three questions',
        items: {
          type: 'object',
          properties: {
            id: { type: 'string', description: 'Names the question in the answers' },
            header: { type: 'string', description: 'Its subject in a word or two' },
            question: { type: 'string', description: 'The question' },
            options: { type: 'array', description: 'Two or three answers to choose from', items: option },
            allow_other: { type: 'boolean', description: 'Whether the user may answer in own words' },
          },
          required: ['id', 'question', 'options'],
        },
      },
      allow_other: { type: 'boolean', description: 'The same for all questions', default: true },
      timeout_ms: { type: 'integer', description: 'How long to wait, in milliseconds', default: TIMEOUT.usual },
    },
    required: ['questions'],
    run: async (args, { signal }) => {
      const questions = readQuestions(args);
      if (typeof questions === 'string') return failed(questions);
      const { user, chatId, replyId, sessionId } = turn;
      const caller = tabs.caller({ userId: user.id, chatId, messageId: replyId ?? '', sessionId });
      const data = { questions, allow_other: args.allow_other !== false, timeout_ms: timeoutOf(args.timeout_ms) };
      return answerOf(await caller.call('request:user_input', data, { signal }));
    },
  });
}

function failed(error: string): JsonObject {
  return { status: 'error', answers: {}, error };
}

function timeoutOf(value: unknown): number {
  const given = whole(value, TIMEOUT.usual);
  return given >= TIMEOUT.least && given <= TIMEOUT.most ? given : TIMEOUT.usual;
}

/** What the tab gave; a tab that is gone or never answered is an error. */
function answerOf(given: unknown): JsonObject {
  if (!isObject(given)) return { status: 'cancelled', answers: {} };
  if (typeof given.error === 'string') return failed(given.error);
  const answers = isObject(given.answers) ? given.answers : {};
  return given.status === 'cancelled' ? { status: 'cancelled', answers: {} } : { status: 'answered', answers };
}

/** The questions, cut to what the client shows; or why they cannot be asked. */
export function readQuestions(args: JsonObject): JsonObject[] | string {
  const given = objects(args.questions);
  if (given.length === 0 || given.length > MOST_QUESTIONS) return `Ask one to ${MOST_QUESTIONS} questions.`;
  const questions = given.map((one, at) => ({
    id: cut(text(one.id) || `question_${at + 1}`, 'id'),
    header: cut(text(one.header).trim() || `Question ${at + 1}`, 'header'),
    question: cut(text(one.question).trim(), 'question'),
    options: objects(one.options).map((choice) => ({
      label: cut(text(choice.label).trim(), 'label'),
      description: cut(text(choice.description).trim(), 'description'),
    })),
    allow_other: (one.allow_other ?? args.allow_other) !== false,
  }));
  if (questions.some(({ question }) => question === '')) return 'Every question needs a text.';
  const choosable = questions.every(
    ({ options }) =>
      options.length >= LEAST_OPTIONS && options.length <= MOST_OPTIONS && options.every(({ label }) => label !== ''),
  );
  if (!choosable) return `Every question needs ${LEAST_OPTIONS} or ${MOST_OPTIONS} options with labels.`;
  if (new Set(questions.map(({ id }) => id)).size < questions.length) return 'Every question needs an id of its own.';
  return questions;
}

function cut(value: string, what: keyof typeof LIMITS): string {
  return value.slice(0, LIMITS[what]);
}
