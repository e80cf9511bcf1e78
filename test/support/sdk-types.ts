import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SUPPORT = dirname(fileURLToPath(import.meta.url));
const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2023,
  strict: true,
  skipLibCheck: true,
  noEmit: true,
  types: [],
};

/**
 * What the provider's own SDK finds wrong with events: each is held against the type of its name, where a field that the
 * type does not have is wrong as well. Empty when all of them are right.
 */
export function eventProblems(events: readonly { type: string }[]): string[] {
  const lines = events.map(
    (event, index) =>
      `export const e${index}: Event<${JSON.stringify(event.type)}> = ${JSON.stringify(event)};`,
  );
  const source = [
    "import type { RealtimeServerEvent } from 'openai/resources/realtime/realtime';",
    'type Event<T extends string> = Extract<RealtimeServerEvent, { type: T }>;',
    ...lines,
  ].join('\n');
  return problemsOf(source);
}

function problemsOf(source: string): string[] {
  // Beside this file, so that packages are found as they are for it; it is never written.
  const name = join(SUPPORT, 'events-that-were-sent.ts');
  const host = ts.createCompilerHost(OPTIONS);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (file, ...rest) =>
    file === name ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2023) : read(file, ...rest);
  const exists = host.fileExists.bind(host);
  host.fileExists = (file) => file === name || exists(file);
  const program = ts.createProgram([name], OPTIONS, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ messageText, start = 0 }) =>
        `${ts.flattenDiagnosticMessageText(messageText, ' ')} in ${lineAt(source, start)}`,
    );
}

function lineAt(source: string, position: number): string {
  return source
    .slice(source.lastIndexOf('\n', position) + 1, source.indexOf('\n', position + 1))
    .slice(0, 2_000);
}
