/** What snippets are filled in with. Model and voice may be empty: then the project's own hold. */
export interface SnippetValues {
  baseUrl: string;
  project: string;
  model: string;
  voice: string;
}

/** The body of POST /session. */
export function sessionBody({ project, model, voice }: SnippetValues): Record<string, string> {
  return {
    project_id: project,
    ...(model !== '' && { model }),
    ...(voice !== '' && { voice }),
  };
}

export function curlSnippet(values: SnippetValues): string {
  const body = JSON.stringify(sessionBody(values)).replaceAll("'", "'\\''");
  return `curl -sS ${values.baseUrl}/session \\
  -H 'content-type: application/json' \\
  -d '${body}'`;
}

export function openingSnippet(values: SnippetValues): string {
  return `const response = await fetch('${values.baseUrl}/session', {
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

export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
