import { once } from 'node:events';
import { Listener } from './listener.ts';

describe('Listener', () => {
  it('lets what was sent before the end be read, whatever comes after it', async () => {
    const gone: Listener[] = [];
    const listener = new Listener((one) => gone.push(one));
    listener.send('before');
    listener.end();
    expect(listener.send('after')).toBe(true);
    listener.end();
    // An error of the stream would have been told by now.
    await new Promise((resolve) => setImmediate(resolve));
    const read: string[] = [];
    listener.stream.setEncoding('utf8').on('data', (text: string) => read.push(text));
    await once(listener.stream, 'close');
    expect([read.join(''), listener.stream.errored, gone]).toEqual(['before', null, [listener]]);
  });
});
