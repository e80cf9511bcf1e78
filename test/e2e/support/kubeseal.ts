import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs the `kubeseal` of the PATH with this on its standard input; rejects with what it says when it fails. */
export async function kubeseal(args: string[], input: string): Promise<string> {
  const child = spawn('kubeseal', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`kubeseal ended with ${code}: ${Buffer.concat(errors).toString('utf8')}`);
  return Buffer.concat(output).toString('utf8');
}
