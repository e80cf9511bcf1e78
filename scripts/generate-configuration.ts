/**
 * Writes docs/configuration.md from the settings' declarations; with `--check`, only tells whether the file is
 * what they say.
 */
import type { Setting } from '../src/config/setting.ts';
import { declarations } from '../src/config/settings.ts';
import { generate } from './generated-file.ts';

const HEAD = `# Configuration

The program is configured by environment variables only. This page is generated from
[settings.ts](../src/config/settings.ts) by \`scripts/generate-configuration.ts\`: edit the declarations, not the
page.

- An empty variable counts as unset.
- A variable marked *secret* may come from a file instead: set \`<NAME>_FILE\` to its path. Setting both is refused.
- All settings are checked before anything starts. Every problem is printed at once, by name and never by value, and
  the program exits with code 78.

| Variable | Default | Meaning |
| --- | --- | --- |
`;

const TAIL = `
OpenTelemetry's own variables (\`OTEL_*\`) go to its SDK as they are and are not checked here. Without an endpoint in
\`OTEL_EXPORTER_OTLP_ENDPOINT\` or \`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT\` nothing is exported. See
[traces](observability.md#traces).

\`KUBECONFIG\` is read where \`VESTIBULE_VAULT\` is \`kubernetes\`, as \`kubectl\` reads it; without it, the home’s kubeconfig,
else the account of the pod. See [in a cluster](kubernetes.md).

Projects and clients are not settings: they are manifests, read while the program runs. See
[projects](../src/projects/README.md).
`;

function row(setting: Setting<unknown>): string {
  const { env, doc, secret } = setting;
  const note = secret === true ? ` *Secret; or \`${env}_FILE\`.*` : '';
  return `| \`${env}\` | ${cell(defaultOf(setting))} | ${cell(doc)}${note} |\n`;
}

function defaultOf({ default: value, defaultDoc }: Setting<unknown>): string {
  if (defaultDoc !== undefined) return defaultDoc;
  return value === undefined || value === '' ? 'none' : `\`${value}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

const page = `${HEAD}${Object.values<Setting<unknown>>(declarations).map(row).join('')}${TAIL}`;

generate('docs/configuration.md', page, {
  source: 'the settings',
  script: 'scripts/generate-configuration.ts',
});
