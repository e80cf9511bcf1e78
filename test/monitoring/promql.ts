/** As far as it is written in the rules and the dashboard: no `}` in a label's value, no subquery of a subquery. */
export interface Selector {
  metric: string;
  matchers: { label: string; operator: string; value: string }[];
  text: string;
}

const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const DURATION = /\[[^\]]*\]|\boffset\s+\w+/g;
const NAME = /(?<![\w:."])([a-zA-Z_:][\w:]*)(?!\w|\s*\()\s*(\{[^}]*\})?/g;
const MATCHER = /(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g;
const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'on']);

export function selectorsOf(expr: string): Selector[] {
  const bare = expr.replaceAll(GROUPING, ' ').replaceAll(DURATION, ' ');
  return [...bare.matchAll(NAME)]
    .filter(([, name = '']) => !WORDS.has(name))
    .map(([text, metric = '', braces = '']) => ({
      metric,
      matchers: [...braces.matchAll(MATCHER)].map(([, label = '', operator = '', value = '']) => ({
        label,
        operator,
        value,
      })),
      text: text.trim(),
    }));
}

/** The labels that results are grouped or matched by. */
export function groupingsOf(expr: string): string[] {
  return [...expr.matchAll(GROUPING)].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((label) => label.trim())
      .filter((label) => label !== ''),
  );
}

/** The same, with 1 or 0 for a comparison, where nothing would be left of what it does not hold for. */
export function withoutFilters(expr: string): string {
  return expr
    .split(/(\{[^}]*\})/)
    .map((part, index) =>
      index % 2 === 1 ? part : part.replaceAll(/(>=|<=|==|!=|>|<)(?!\s*bool)/g, '$1 bool '),
    )
    .join('');
}
