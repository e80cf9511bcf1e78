/** What a session is opened with. Model and voice may be empty: then the project's own hold. */
export interface SessionChoice {
  project: string;
  model: string;
  voice: string;
}

/** What snippets are filled in with; the base URL has no slash at its end. */
export interface SnippetValues extends SessionChoice {
  baseUrl: string;
}

/** The body of POST /session. */
export function sessionBody({ project, model, voice }: SessionChoice): Record<string, string> {
  return {
    project_id: project,
    ...(model !== '' && { model }),
    ...(voice !== '' && { voice }),
  };
}

/** `url` is a word of the shell. */
export function curlSnippet(values: SnippetValues, url = shellWord(`${values.baseUrl}/session`)): string {
  const body = shellQuoted(JSON.stringify(sessionBody(values)));
  return `curl -sS ${url} \\
  -H 'content-type: application/json' \\
  -d ${body}`;
}

export function openingSnippet(values: SnippetValues): string {
  return `const response = await fetch(${quoted(`${values.baseUrl}/session`)}, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(${objectLiteral(sessionBody(values))}),
});
const session = await response.json();
// session.value is the ephemeral credential: ek_…`;
}

/** As somebody would write it, not as JSON. */
export function objectLiteral(value: Record<string, string>): string {
  const entries = Object.entries(value).map(([name, text]) => `${name}: ${quoted(text)}`);
  return `{ ${entries.join(', ')} }`;
}

/** A string of JavaScript and of Python alike. */
export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** One word of a POSIX shell. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Without quotes where none are needed. */
export function shellWord(text: string): string {
  return /^[\w.:/-]+$/.test(text) ? text : shellQuoted(text);
}
