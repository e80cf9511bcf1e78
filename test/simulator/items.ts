import { idOf } from './events.ts';
import type { ConversationItem } from './events.ts';
import { dig } from './ga-session.ts';

/** Of one conversation; beyond, the oldest are forgotten. */
export const ITEMS_KEPT = 500;
/** As JSON, all of them together. */
export const MAX_ITEMS_BYTES = 1_048_576;
const QUOTED_CHARACTERS = 200;

/** The items of a conversation, in their order. */
export class Items {
  #items: ConversationItem[] = [];
  readonly #bytes = new WeakMap<ConversationItem, number>();
  #total = 0;

  get lastId(): string | null {
    const last = this.#items.at(-1);
    return last ? idOf(last) : null;
  }

  find(id: unknown): ConversationItem | undefined {
    return this.#items.find((item) => idOf(item) === id);
  }

  add(item: ConversationItem, afterId: unknown = this.lastId): void {
    const after = this.#items.findIndex((one) => idOf(one) === afterId);
    this.#items.splice(after + 1, 0, item);
    const bytes = Buffer.byteLength(JSON.stringify(item));
    this.#bytes.set(item, bytes);
    this.#total += bytes;
    while (this.#items.length > ITEMS_KEPT || this.#total > MAX_ITEMS_BYTES)
      this.#forget(this.#items.shift());
  }

  remove(id: unknown): void {
    const gone = this.find(id);
    if (gone === undefined) return;
    this.#items = this.#items.filter((item) => item !== gone);
    this.#forget(gone);
  }

  #forget(item: ConversationItem | undefined): void {
    this.#total -= (item && this.#bytes.get(item)) ?? 0;
  }

  /** What is to be answered, in words. */
  get asked(): string {
    const last = this.#items.findLast((item) => !('role' in item && item.role === 'assistant'));
    if (last?.type === 'function_call_output') return `The function answered: ${quoted(last.output)}`;
    if (last?.type !== 'message') return 'Hello. This is the simulator.';
    const words = last.content.map((part) => dig(part)['text']).filter((text) => typeof text === 'string');
    return words.length > 0 ? `You wrote: ${quoted(words.join(' '))}` : 'I heard you. You hear yourself.';
  }
}

function quoted(text: string): string {
  return text.slice(0, QUOTED_CHARACTERS);
}
