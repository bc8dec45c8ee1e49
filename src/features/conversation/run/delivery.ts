import type { SocketInfo } from '../../../kernel/realtime/index.ts';
import type { DeltaEvent, ItemEvent } from '../reply/events.ts';
import { isMessageItem, isReasoningItem, type OutputItem } from '../reply/items.ts';
import { samePlace } from '../reply/output.ts';
import type { Audience } from './audience.ts';
import type { RunJournal } from './journal.ts';
import type { Pacer } from './pacer.ts';

/** Milliseconds after which a client that has just read the chat gets the whole list once more: the two ways may overtake. */
const HEAL_MS = 700;

/** The growing output of one reply on its way to sockets and journal: each byte once (note 10.3). */
export interface Delivery {
  /** A change of the output, owned from here on; deltas for one place are joined. */
  push(event: DeltaEvent | ItemEvent): void;
  /** Sends the whole list to everybody: a change that no smaller event tells. */
  whole(): void;
  /** Sends what is waiting, so that what is sent next comes after it. */
  flush(): void;
  /** Resolves when a change would be sent at once: what the reader of the provider waits for between two reads. */
  due(): Promise<void>;
  /** The list as everybody who watches has it now; for somebody who begins to watch. */
  snapshot(): OutputItem[];
  /** Somebody has just opened the chat. */
  greet(socket: SocketInfo): void;
  end(): void;
}

interface DeliveryDeps {
  pacer: Pacer;
  audience: Audience;
  /** null: nothing is kept (temporary chats). */
  journal: RunJournal | null;
  items: () => readonly OutputItem[];
  /** Deltas that are joined at least before they are sent. */
  chunkSize: number;
}

export function createDelivery({ pacer, audience, journal, items, chunkSize }: DeliveryDeps): Delivery {
  let waiting: (DeltaEvent | ItemEvent)[] = [];
  let deltas = 0;
  let healing: NodeJS.Timeout | undefined;

  function flush(): void {
    if (waiting.length === 0) return;
    const events = waiting;
    waiting = [];
    deltas = 0;
    for (const data of events) {
      const event = { type: 'response:completion', data };
      audience.watchers(event);
      if (audience.hasOthers) audience.others(event);
      journal?.note(data);
    }
  }

  const pace = pacer.join({ flush });

  function send(): void {
    pace.sent();
    flush();
  }

  const wholeEvent = () => ({ type: 'chat:completion', data: { output: items().map(copyItem) } });

  return {
    push(event) {
      const last = waiting.at(-1);
      if (last && 'delta' in last && 'delta' in event && samePlace(last, event)) last.delta += event.delta;
      else waiting.push(event);
      if ('delta' in event) deltas += 1;
      if (deltas >= chunkSize || !('delta' in event)) pace.touch();
    },
    whole() {
      send();
      const event = wholeEvent();
      audience.watchers(event);
      audience.others(event);
      journal?.note({ type: 'items', items: event.data.output });
    },
    flush: send,
    due: () => pace.due(),
    snapshot() {
      send();
      healing ??= setTimeout(() => {
        healing = undefined;
        send();
        const event = wholeEvent();
        audience.watchers(event);
        audience.others(event);
      }, HEAL_MS);
      return items().map(copyItem);
    },
    greet(socket) {
      if (items().length === 0) return;
      send();
      audience.newcomer(socket, wholeEvent());
    },
    end() {
      clearTimeout(healing);
      pace.end();
    },
  };
}

/** The item as it is now; the reply goes on changing its own. */
export function copyItem(item: OutputItem): OutputItem {
  if (isMessageItem(item) || isReasoningItem(item)) {
    return { ...item, content: item.content.map((part) => ({ ...part })) };
  }
  return { ...item };
}
