import { isMap, isScalar, LineCounter, parseDocument, type YAMLMap } from 'yaml';

/** A value of the chart, as values.yaml declares it. */
export interface DocumentedValue {
  /** `image.tag` */
  path: string;
  name: string;
  default: unknown;
  /** The comment above it. */
  description: string;
  /** What the lines of that comment which begin with @schema say. */
  keywords: Record<string, unknown>;
  /** Values in it, where it is a group of them and not a value as a whole. */
  members: DocumentedValue[];
}

const SCHEMA = '@schema ';

/** All values of a values.yaml, in its order; throws on one that has no comment. */
export function documentedValues(text: string): DocumentedValue[] {
  const lines = new LineCounter();
  const { contents, errors } = parseDocument(text, { lineCounter: lines });
  if (errors[0] !== undefined) throw errors[0];
  if (!isMap(contents)) throw new TypeError('values.yaml is no map');
  const above = commentsOf(text);
  return membersOf(contents, '', (offset) => above(lines.linePos(offset).line));
}

function membersOf(map: YAMLMap, prefix: string, commentAt: (offset: number) => string[]): DocumentedValue[] {
  return map.items.map(({ key, value }) => {
    if (!isScalar<string>(key) || !key.range) throw new TypeError(`a key under "${prefix}" is no text`);
    const path = prefix + key.value;
    const comment = commentAt(key.range[0]);
    const description = comment.filter((line) => !line.startsWith(SCHEMA)).join(' ');
    if (description === '') throw new TypeError(`${path} has no comment`);
    const keywords = Object.assign(
      {},
      ...comment
        .filter((line) => line.startsWith(SCHEMA))
        .map((line) => JSON.parse(line.slice(SCHEMA.length)) as object),
    ) as Record<string, unknown>;
    const isGroup = isMap(value) && value.items.length > 0 && !('additionalProperties' in keywords);
    return {
      path,
      name: key.value,
      default: plain(value),
      description,
      keywords,
      members: isGroup ? membersOf(value, `${path}.`, commentAt) : [],
    };
  });
}

function plain(value: unknown): unknown {
  return (value as { toJSON(): unknown } | null)?.toJSON() ?? null;
}

/** The lines of the comment that ends right above a line. */
function commentsOf(text: string): (line: number) => string[] {
  const lines = text.split('\n');
  return (line) => {
    const comment: string[] = [];
    for (let at = line - 2; /^\s*#/.test(lines[at] ?? ''); at--) {
      comment.unshift((lines[at] ?? '').replace(/^\s*# ?/, ''));
    }
    return comment;
  };
}
