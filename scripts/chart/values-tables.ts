import type { DocumentedValue } from './documented-values.ts';

const HEAD = '| Value | Default | Meaning |\n| --- | --- | --- |\n';

/** The values as Markdown: what is alone in one table, then a table a group. */
export function valuesTables(values: readonly DocumentedValue[]): string {
  const alone = values.filter(({ members }) => members.length === 0);
  const groups = values.filter(({ members }) => members.length > 0);
  return [
    table(alone),
    ...groups.map((group) => `### ${group.name}\n\n${group.description}\n\n${table(rowsOf(group))}`),
  ].join('\n');
}

function table(rows: readonly DocumentedValue[]): string {
  return HEAD + rows.map(row).join('');
}

/** Groups inside a group have a row of their own, which says what its values are about. */
function rowsOf({ members }: DocumentedValue): DocumentedValue[] {
  return members.flatMap((member) => [member, ...rowsOf(member)]);
}

function row({ path, default: value, description, members }: DocumentedValue): string {
  const shown = members.length > 0 ? '' : `\`${JSON.stringify(value)}\``;
  return `| \`${path}\` | ${shown} | ${description} |\n`;
}
