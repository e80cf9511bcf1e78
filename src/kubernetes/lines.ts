import { StringDecoder } from 'node:string_decoder';

/** The lines of a stream; rejects for one of more than `limit` characters, and for a stream that ends within one. */
export async function* linesOf(stream: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(Buffer.from(chunk))).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > limit) throw new Error('the stream has a line that is too long');
    yield* lines;
  }
  if (rest !== '') throw new Error('the stream ended within a line');
}
