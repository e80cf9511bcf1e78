/** Deeper chains than this are not made by anybody. */
const MAX_CAUSES = 10;

/** The error at the bottom: the rooms wrap what the network or the database said. */
export function rootCause(error: unknown): unknown {
  let found = error;
  for (let depth = 0; depth < MAX_CAUSES; depth += 1) {
    const { cause, errors } = (found ?? {}) as { cause?: unknown; errors?: unknown };
    const next = cause ?? (Array.isArray(errors) ? (errors[0] as unknown) : undefined);
    if (!(next instanceof Error) || isTimeout(found)) return found;
    found = next;
  }
  return found;
}

/** What broke when we gave up is not the reason why we did. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && /timeout|timed out/i.test(error.message);
}

export function codeOf(error: unknown): string | undefined {
  const code = (rootCause(error) as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** An error's reason on one line, without what a URL in it may carry. */
export function reasonOf(error: unknown): string {
  const root = rootCause(error);
  if (!(root instanceof Error)) return 'for no stated reason';
  return root.message === '' ? (codeOf(root) ?? root.name) : withoutCredentials(root.message);
}

function withoutCredentials(text: string): string {
  return text.replace(/:\/\/[^/\s]*@/g, '://');
}

/** A URL as it may be shown: no user, no password, no query. */
export function shownUrl(url: string): string {
  if (!URL.canParse(url)) return '(not a URL)';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}
