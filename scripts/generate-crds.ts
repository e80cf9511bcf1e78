/**
 * Writes k8s/crds/ from the typed schemas of Project and Client; with `--check`, only tells whether the files are what
 * they say.
 */
import { stringify } from 'yaml';
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from './crds/definitions.ts';
import { generate } from './generated-file.ts';

const HEAD = `# Generated from src/projects/project-schema.ts, resource-status.ts and resource-rules.ts beside it
# by scripts/generate-crds.ts; do not edit.
`;

for (const definition of CUSTOM_RESOURCE_DEFINITIONS) {
  generate(`k8s/crds/${definition.metadata.name}.yaml`, textOf(definition), {
    source: 'the schemas',
    script: 'scripts/generate-crds.ts',
  });
}

function textOf(definition: CustomResourceDefinition): string {
  return HEAD + stringify(definition, { lineWidth: 0, aliasDuplicateObjects: false });
}
