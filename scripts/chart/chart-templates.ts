import { stringify } from 'yaml';
import { type Permission, PERMISSIONS } from '../../src/kubernetes/permissions.ts';
import type { CustomResourceDefinition } from '../crds/definitions.ts';
import { rulesOf } from '../rbac/rules.ts';

const PLACES: readonly Permission['where'][] = ['configuration', 'keys', 'cluster'];

/** The rules of the chart's roles, a named template for each place. */
export function permissionsTemplate(): string {
  return PLACES.map((where) => {
    const rules = rulesOf(PERMISSIONS.filter((permission) => permission.where === where));
    return `{{- define "vestibule.permissions.${where}" -}}\n${literal(rules)}{{- end -}}\n`;
  }).join('\n');
}

/** A definition with what makes Helm upgrade it, and leave it there at the end. */
export function definitionTemplate({ metadata, ...definition }: CustomResourceDefinition): string {
  const { spec, ...kind } = definition as { spec: unknown };
  return `{{- if .Values.crds.install }}
${literal(kind)}metadata:
  name: ${metadata.name}
  labels:
    {{- include "vestibule.labels" . | nindent 4 }}
    app.kubernetes.io/component: crds
  annotations:
    helm.sh/resource-policy: keep
${literal({ spec })}{{- end }}
`;
}

function literal(value: unknown): string {
  const text = stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
  if (text.includes('{{')) throw new TypeError('Helm would take a part of it for a template');
  return text;
}
