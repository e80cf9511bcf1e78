/** One message of a stream of server-sent events. */
export interface StreamMessage {
  event: string;
  data: unknown;
}

/** A message that has not ended by then is no message of ours. */
const MAX_UNFINISHED = 4 * 1024 * 1024;

/** Takes a stream of server-sent events apart, however it is cut into pieces. */
export class EventParser {
  #unfinished = '';

  /** The messages that end in this piece; comments are none. */
  push(text: string): StreamMessage[] {
    const blocks = (this.#unfinished + text).split('\n\n');
    this.#unfinished = blocks.pop() ?? '';
    if (this.#unfinished.length > MAX_UNFINISHED) throw new Error('a message of the stream is too long');
    return blocks.flatMap(messageOf);
  }
}

function messageOf(block: string): StreamMessage[] {
  let event = '';
  let data = '';
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) event = line.slice(7);
    if (line.startsWith('data: ')) data += line.slice(6);
  }
  return event === '' ? [] : [{ event, data: JSON.parse(data) }];
}
