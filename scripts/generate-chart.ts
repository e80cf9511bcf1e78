/**
 * Writes what of charts/vestibule follows from elsewhere: from its values.yaml the schema and the README, from the code
 * the roles and the CustomResourceDefinitions, from package.json the version of the program. With `--check`, only tells
 * whether the files are what they say.
 */
import { readFileSync } from 'node:fs';
import { VERSION } from '../src/common/version.ts';
import { definitionTemplate, permissionsTemplate } from './chart/chart-templates.ts';
import { documentedValues } from './chart/documented-values.ts';
import { chartReadme } from './chart/readme.ts';
import { valuesSchema } from './chart/values-schema.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from './crds/definitions.ts';
import { generate } from './generated-file.ts';

const CHART = 'charts/vestibule';
const script = 'scripts/generate-chart.ts';

function read(name: string): string {
  return readFileSync(new URL(`../${CHART}/${name}`, import.meta.url), 'utf8');
}

const values = documentedValues(read('values.yaml'));
const fromValues = { source: 'values.yaml', script };
generate(`${CHART}/values.schema.json`, `${JSON.stringify(valuesSchema(values), null, 2)}\n`, fromValues);
generate(`${CHART}/README.md`, chartReadme(values), fromValues);

generate(`${CHART}/Chart.yaml`, read('Chart.yaml').replace(/^appVersion: .*$/m, `appVersion: ${VERSION}`), {
  source: 'package.json',
  script,
});

generate(
  `${CHART}/templates/_permissions.tpl`,
  generated('src/kubernetes/permissions.ts') + permissionsTemplate(),
  {
    source: 'the permissions',
    script,
  },
);
for (const definition of CUSTOM_RESOURCE_DEFINITIONS) {
  const text = generated('the schemas of src/projects') + definitionTemplate(definition);
  generate(`${CHART}/templates/crds/${definition.metadata.name}.yaml`, text, {
    source: 'the schemas',
    script,
  });
}

function generated(source: string): string {
  return `{{- /* Generated from ${source} by ${script}; do not edit. */ -}}\n`;
}
