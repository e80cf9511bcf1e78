import { runProgram } from '../support/service-process.ts';

const COMMANDS = ['', 'serve', 'migrate', 'token', 'doctor', 'audit', 'audit verify', 'audit prune'];
const TAKEN_FROM =
  /^ +(?:.*[|(] ?|kubectl exec \S+ -- |[A-Z_]+=\S+ )?vestibule ([a-z]+(?: (?!--)[a-z]+)?)?(.*)$/gm;

const help = async (words: string): Promise<string> => {
  const { code, stdout } = await runProgram(
    [...words.split(' ').filter((word) => word !== ''), '--help'],
    {},
  );
  expect(code).toBe(0);
  return stdout;
};

it.each(COMMANDS)('teaches by example: vestibule %s --help', async (words) => {
  const text = await help(words);
  expect(text).toMatch(words === 'serve' ? /NODE_ENV=production/ : /^Examples:\n/m);
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
});

it('shows options that there are', async () => {
  const texts = await Promise.all(COMMANDS.map(help));
  const shown = texts.flatMap((text) =>
    [...text.split('Examples:\n').slice(1).join().matchAll(TAKEN_FROM)].flatMap(
      ([, words = 'serve', rest = '']) =>
        [...rest.matchAll(/ (--[a-z-]+)/g)].map(([, option = '']) => ({ words, option })),
    ),
  );
  expect(shown.length).toBeGreaterThan(5);
  const wrong = shown.filter(({ words, option }) => {
    const command = COMMANDS.includes(words) ? words : words.split(' ')[0]!;
    return !texts[COMMANDS.indexOf(command)]!.includes(`  ${option}`);
  });
  expect(wrong).toEqual([]);
});

it('says exit codes as they are', async () => {
  expect(await help('')).toContain('2 not understood, 78 bad settings');
  expect((await runProgram(['tokens'], {})).code).toBe(2);
  expect((await runProgram(['token', 'acme'], { PORT: 'eighty' })).code).toBe(78);
});
