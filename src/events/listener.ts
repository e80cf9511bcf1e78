import { Readable } from 'node:stream';

/** What a reader may have left unread, beside what the system keeps for it, when there is more to tell. */
const MAX_UNREAD_BYTES = 256 * 1024;

/** One who reads the stream. Who does not keep up is cut off: it comes back to a new snapshot. */
export class Listener {
  readonly stream: Readable;
  /** Whether it has had its first message. */
  greeted = false;
  #ended = false;

  constructor(onGone: (listener: Listener) => void) {
    this.stream = new Readable({
      // It is pushed to.
      read: () => undefined,
      destroy: (error, done) => {
        onGone(this);
        done(error);
      },
    });
  }

  /** Whether it keeps up. */
  send(text: string): boolean {
    // What is pushed after the end would destroy what was not read yet.
    if (this.#ended || this.stream.destroyed) return true;
    if (this.stream.readableLength > MAX_UNREAD_BYTES) {
      this.stream.destroy();
      return false;
    }
    this.stream.push(text);
    return true;
  }

  /** After what was sent before. */
  end(): void {
    if (this.#ended || this.stream.destroyed) return;
    this.#ended = true;
    this.stream.push(null);
  }

  cut(): void {
    this.stream.destroy();
  }
}
