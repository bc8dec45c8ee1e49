import type { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { SocketInfo } from '../../../kernel/realtime/index.ts';
import { type MessageFields, mergeUsage } from '../../chats/index.ts';
import type { ReplyEvent } from '../reply/events.ts';
import type { OutputItem } from '../reply/items.ts';
import { createReply, type Reply } from '../reply/reply.ts';
import type { TurnContext, TurnEvent } from '../turn/turn.ts';
import type { Audiences } from './audience.ts';
import { copyItem, createDelivery, type Delivery } from './delivery.ts';
import type { Journal } from './journal.ts';
import type { Pacer } from './pacer.ts';
import { type EventFields, foldEvent, isForWatchers, sharedEvent } from './stored-events.ts';

/** An admitted turn before it runs. */
export type TurnDraft = Omit<TurnContext, 'emit' | 'signal'> & {
  taskId: string;
  replyId: string;
  /** Why this column cannot be answered (its model is not the user's); the reply tells it. */
  refused: HttpError | null;
};

/** Why a reply failed: the provider's status, or null, and its error. */
export interface Failure {
  status: number | null;
  error: unknown;
}

/** One reply while it is written: what it is made of, and who is told. */
export interface LiveRun {
  readonly turn: TurnContext & { taskId: string; replyId: string };
  readonly controller: AbortController;
  /** The provider's round that is being read. */
  readonly reply: Reply;
  readonly delivery: Delivery;
  readonly refused: HttpError | null;
  readonly isStored: boolean;
  /** The provider's answer where it came whole. */
  completion: JsonObject | null;
  /** The first error of the provider. */
  failure: Failure | null;
  /**
   * Approved calls are run: the stored reply is the truth, others change it too, so nothing here tells the reply or notes it. Ends when
   * the model is asked.
   */
  readonly followsStore: boolean;
  /** Takes the items of the stored reply. */
  load(items: OutputItem[]): void;
  /** All calls have results: from now on this run alone writes the reply. */
  takeOver(): void;
  /** The items now, not to be changed by the reply. */
  copy(): OutputItem[];
  /** From now on blocks of code are looked for. */
  watchCode(): void;
  /** Begins the next round on top of what is there. */
  nextRound(): void;
  /** Tells what a round brought. `quiet`: without the growth of the output (an answer that came whole). */
  take(events: readonly ReplyEvent[], quiet?: boolean): void;
  /** Tells the figures of the round: some providers count with every token. */
  tellUsage(): void;
  emit(event: TurnEvent): void;
  /** Remembers fields for the stored reply. */
  keep(fields: MessageFields): void;
  /** What is stored with the reply besides its output. */
  fields(): MessageFields;
  /** The output for a reader of the chat; null once it is stored. */
  overlay(): OutputItem[] | null;
  /** What the journal and the delivery hold is settled: the reply is about to be stored. */
  settle(): Promise<void>;
  /** It is stored: the chat itself tells it from now on. */
  stored(): void;
  end(): void;
}

export interface LiveRunDeps {
  audiences: Audiences;
  pacer: Pacer;
  journal: Journal;
}

export function createLiveRun({ audiences, pacer, journal }: LiveRunDeps, draft: TurnDraft): LiveRun {
  const { taskId, chatId, replyId, kind, continues } = draft;
  const controller = new AbortController();
  const reasoningTags = draft.settings.reasoningTags;
  const prior = priorItems(continues);
  let reply = createReply({ reasoningTags, prior });
  let usage: JsonObject | null = isObject(continues?.usage) ? continues.usage : null;
  let usageBefore = usage;
  let eventFields: EventFields = continues ? eventFieldsOf(continues) : {};
  let kept: MessageFields = {};
  let runsCode = false;
  let usageTold = true;
  let isStored = false;
  let followsStore = draft.resume === 'tools';

  const saved = kind === 'saved';
  const audience = audiences.open(
    {
      userId: draft.user.id,
      chatId,
      messageId: replyId,
      sessionId: draft.sessionId,
      shareable: saved && !draft.internal,
      internal: draft.internal,
    },
    (socket: SocketInfo) => {
      if (!isStored && !followsStore) delivery.greet(socket);
    },
  );
  const notes = saved ? journal.open({ id: taskId, chatId, messageId: replyId }) : null;
  const chunkSize = draft.settings.deltaChunkSize;
  const delivery = createDelivery({ pacer, audience, journal: notes, items: () => reply.items, chunkSize });
  const noteAll = () => notes?.note({ type: 'items', items: reply.items.map(copyItem) });
  if (prior.length > 0 && !followsStore) noteAll();

  function emit(event: TurnEvent): void {
    if (draft.internal && event.type === 'notification') return;
    delivery.flush();
    const folded = foldEvent(eventFields, event);
    if (folded.changed) {
      eventFields = { ...eventFields, ...folded.changed };
      if (!isStored) notes?.field(folded.changed);
    }
    if (isForWatchers(event)) audience.watchers(folded.event);
    else audience.user(folded.event);
    const shared = audience.hasOthers ? sharedEvent(folded.event) : null;
    if (shared) audience.others(shared);
  }

  function keep(fields: MessageFields): void {
    kept = { ...kept, ...fields };
  }

  function one(event: ReplyEvent, quiet: boolean): void {
    switch (event.kind) {
      case 'delta':
      case 'item':
        if (!quiet) delivery.push(event.data);
        break;
      case 'snapshot':
        break;
      case 'usage':
        usage = usageBefore ? mergeUsage(usageBefore, event.usage) : event.usage;
        usageTold = false;
        break;
      case 'source':
        emit({ type: 'source', data: event.source });
        break;
      case 'sources':
        eventFields = { ...eventFields, sources: event.sources };
        notes?.field({ sources: event.sources });
        emit({ type: 'chat:completion', data: { sources: event.sources } });
        break;
      case 'selected':
        keep({ selectedModelId: event.modelId });
        emit({ type: 'chat:completion', data: { selected_model_id: event.modelId } });
        break;
      case 'image': {
        const image = { ...event.image, type: 'image' };
        emit({ type: 'chat:message:files', data: { files: [...(eventFields.files ?? []), image] } });
        break;
      }
      case 'event':
        if (typeof event.event.type === 'string') emit(event.event as JsonObject & { type: string });
        break;
      case 'error':
        run.failure ??= { status: event.status, error: event.error };
    }
  }

  const run: LiveRun = {
    turn: { ...draft, emit, signal: controller.signal },
    controller,
    delivery,
    refused: draft.refused,
    completion: null,
    failure: null,
    get isStored() {
      return isStored;
    },
    get reply() {
      return reply;
    },
    get followsStore() {
      return followsStore;
    },
    load(items) {
      reply = createReply({ reasoningTags, runsCode, prior: items });
    },
    takeOver() {
      followsStore = false;
      noteAll();
    },
    copy: () => reply.items.map(copyItem),
    watchCode() {
      runsCode = true;
      reply = createReply({ reasoningTags, runsCode, prior: [...reply.items] });
    },
    nextRound() {
      usageBefore = usage;
      reply = createReply({ reasoningTags, runsCode, prior: [...reply.items] });
    },
    take(events, quiet = false) {
      // The list is taken as it is after all of them, so their smaller events are in it.
      const isWhole = !quiet && events.some(({ kind }) => kind === 'snapshot');
      for (const event of events) one(event, quiet || isWhole);
      if (isWhole) delivery.whole();
      if (quiet) noteAll();
    },
    tellUsage() {
      if (usageTold || !usage) return;
      usageTold = true;
      notes?.note({ type: 'usage', usage });
      emit({ type: 'chat:completion', data: { usage } });
    },
    emit,
    keep,
    fields: () => ({ ...eventFields, ...kept, ...(usage ? { usage } : {}) }),
    overlay: () => (isStored || followsStore ? null : delivery.snapshot()),
    async settle() {
      delivery.flush();
      delivery.end();
      await notes?.close();
    },
    stored() {
      isStored = true;
    },
    end() {
      delivery.end();
      audience.end();
    },
  };
  return run;
}

/** What a continued reply has already: its items, or its text as one. */
function priorItems(message: TurnContext['continues']): OutputItem[] {
  if (!message) return [];
  const items = (Array.isArray(message.output) ? message.output : []).filter(
    (item): item is OutputItem => isObject(item) && typeof item.type === 'string',
  );
  if (items.length > 0) return structuredClone(items);
  if (typeof message.content !== 'string' || message.content === '') return [];
  const content = [{ type: 'output_text' as const, text: message.content }];
  return [{ type: 'message', id: `msg_${message.id}`, status: 'completed', role: 'assistant', content }];
}

function eventFieldsOf({ statusHistory, sources, files, embeds }: MessageFields): EventFields {
  return {
    ...(statusHistory ? { statusHistory } : {}),
    ...(sources ? { sources } : {}),
    ...(files ? { files } : {}),
    ...(embeds ? { embeds } : {}),
  };
}
