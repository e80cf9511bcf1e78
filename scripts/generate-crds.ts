/**
 * Writes k8s/crds/ from the typed schemas of Project and Client; with `--check`, only tells whether the files are what
 * they say.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from './crds/definitions.ts';

const HEAD = `# Generated from src/projects/project-schema.ts, resource-status.ts and resource-rules.ts beside it
# by scripts/generate-crds.ts; do not edit.
`;

const checking = process.argv.includes('--check');
for (const definition of CUSTOM_RESOURCE_DEFINITIONS) {
  const path = `k8s/crds/${definition.metadata.name}.yaml`;
  if (!checking) {
    writeFileSync(target(path), textOf(definition));
  } else if (textOf(definition) !== readCurrent(path)) {
    process.stderr.write(`${path} differs from the schemas: run scripts/generate-crds.ts\n`);
    process.exitCode = 1;
  }
}

function textOf(definition: CustomResourceDefinition): string {
  return HEAD + stringify(definition, { lineWidth: 0, aliasDuplicateObjects: false });
}

function target(path: string): URL {
  return new URL(`../${path}`, import.meta.url);
}

function readCurrent(path: string): string | undefined {
  try {
    return readFileSync(target(path), 'utf8');
  } catch {
    return undefined;
  }
}
