import { linesOf } from './lines.ts';

async function* chunks(...texts: (string | Buffer)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text));
}

async function read(stream: AsyncIterable<Uint8Array>, limit = 100): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(stream, limit)) lines.push(line);
  return lines;
}

describe('lines of a stream', () => {
  it('are put together from chunks, and end at line feeds alone', async () => {
    expect(await read(chunks('a', 'b\nc\u2028d\n', '\n', 'e\n'))).toEqual(['ab', 'c\u2028d', '', 'e']);
  });

  it('keep a character that two chunks share', async () => {
    const text = Buffer.from('é\n');
    expect(await read(chunks(text.subarray(0, 1), text.subarray(1)))).toEqual(['é']);
  });

  it('are none of a stream without any', async () => {
    expect(await read(chunks())).toEqual([]);
  });

  it('are bounded', async () => {
    await expect(read(chunks('x'.repeat(101)))).rejects.toThrow('too long');
  });

  it('reject when the last one is cut off', async () => {
    await expect(read(chunks('a\nb'))).rejects.toThrow('within a line');
  });
});
