/**
 * Writes the roles in k8s/rbac/ from the list of what the service asks a cluster for; with `--check`, only tells
 * whether the files are what it says.
 */
import { Document, isMap, isSeq, type YAMLSeq } from 'yaml';
import { PERMISSIONS } from '../src/kubernetes/permissions.ts';
import { generate } from './generated-file.ts';
import { roleManifests, SERVICE_ACCOUNT } from './rbac/manifests.ts';

const HEAD = `# Generated from src/kubernetes/permissions.ts by scripts/generate-rbac.ts; do not edit.
`;
const SERVICE_ACCOUNT_FILE = 'k8s/rbac/service-account.yaml';

const files = new Map<string, object[]>([[SERVICE_ACCOUNT_FILE, [SERVICE_ACCOUNT]], ...roleManifests()]);
for (const [path, manifests] of files) {
  generate(path, HEAD + manifests.map(textOf).join('---\n'), {
    source: 'the permissions',
    script: 'scripts/generate-rbac.ts',
  });
}

function textOf(manifest: object): string {
  const document = new Document(manifest, { aliasDuplicateObjects: false });
  const rules = document.get('rules');
  if (isSeq(rules)) for (const rule of rules.items) explain(rule);
  return document.toString({ lineWidth: 0 });
}

/** Says beside each verb what does not work without it. */
function explain(rule: unknown): void {
  if (!isMap(rule)) return;
  const { apiGroups, resources, resourceNames } = rule.toJSON() as Record<string, string[] | undefined>;
  const about = PERMISSIONS.filter(
    ({ group, resource, resourceName }) =>
      group === apiGroups?.[0] && resource === resources?.[0] && resourceName === resourceNames?.[0],
  );
  for (const verb of (rule.get('verbs') as YAMLSeq<{ value: string; comment?: string }>).items) {
    const feature = about.find((permission) => permission.verb === verb.value)?.feature;
    if (feature !== undefined) verb.comment = ` ${feature}`;
  }
}
