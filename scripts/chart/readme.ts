import type { DocumentedValue } from './documented-values.ts';
import { valuesTables } from './values-tables.ts';

const HEAD = `# Chart

Installs Vestibule in a cluster: the service, its roles, its CustomResourceDefinitions, and what keeps others out. It brings
no database and takes no secret: values name Secrets that are there already.

Needs: Kubernetes >= 1.30, Helm >= 3.14, PostgreSQL >= 15 with [two roles](../../docs/database.md), the
[sealed-secrets controller](../../docs/kubernetes.md#setting-it-up) for keys that are deposited by the API, and an ingress
controller or a Gateway for callers outside.

## Install

Write \`my-values.yaml\`. [ci/default-values.yaml](ci/default-values.yaml) is the least that an installation in production sets, with
your \`image.repository\`; [ci/full-values.yaml](ci/full-values.yaml) shows all that can be set. With an audit that is signed, which a
production wants: \`audit.signingKeySecret.name: vestibule-audit\`. Behind an Ingress: \`ingress.enabled\`, \`ingress.host\`,
\`ingress.tlsSecret\`, \`trustProxy\`. The Secrets, by the names that the first of them gives, and the release:

\`\`\`sh
kubectl create namespace vestibule
secret() { kubectl -n vestibule create secret generic "$1" --from-file="$2=/dev/stdin"; }   # not in the process list
printf %s "$DATABASE_URL"           | secret vestibule-database DATABASE_URL
printf %s "$DATABASE_MIGRATION_URL" | secret vestibule-database-owner DATABASE_MIGRATION_URL
openssl rand -hex 32                | secret vestibule-admin VESTIBULE_ADMIN_KEY
openssl rand -hex 32                | secret vestibule-jwt VESTIBULE_JWT_SECRET
openssl genpkey -algorithm ed25519  | secret vestibule-audit VESTIBULE_AUDIT_SIGNING_KEY
helm install vestibule charts/vestibule -n vestibule --wait --timeout 15m -f my-values.yaml
helm test vestibule -n vestibule     # the pod of a failed one stays: kubectl -n vestibule logs vestibule-test
\`\`\`

Values that contradict each other are refused, all at once, each with a sentence that names them.

## What stands where

| | |
| --- | --- |
| Secrets | mounted as files under \`/etc/vestibule\`, not in the environment (but for a collector’s headers), never in the release that Helm stores. The program reads them when it starts: after a change, \`kubectl rollout restart\` |
| TLS to the database | \`database.ca\` mounts the CA; the URL asks for it: \`…/vestibule?sslmode=verify-full&sslrootcert=/etc/vestibule/database-ca.crt\`. Without \`sslmode\`, there is no TLS |
| Keys | Secrets in \`keyNamespace\`, \`NAMESPACE-keys\` by default, which stays when the release goes |
| Admin routes | on the Service, and not on the Ingress or HTTPRoute unless \`adminRoutes\` is true |
| Metrics, probes | on the Service with \`-ops\` in its name, port 9464 |
| Projects and Clients | in the release's namespace |

## NetworkPolicies

Everything is denied but what \`networkPolicy\` lists. The defaults let the database, the API server and the public internet be
called at any address, on their ports alone: put your addresses there. Peers of a managed cluster differ: when pods hang
at their start, look first whether they reach DNS and the API server (\`vestibule doctor\`).

## Upgrade, roll back, uninstall

\`\`\`sh
helm upgrade vestibule charts/vestibule -n vestibule --wait --timeout 15m -f my-values.yaml
\`\`\`

\`\`\`sh
helm rollback vestibule -n vestibule --wait
\`\`\`

\`\`\`sh
helm uninstall vestibule -n vestibule
\`\`\`

- The migration Job runs first. If it fails nothing else changes, and it stays: \`kubectl -n vestibule logs job/vestibule-migrate\`.
  The next upgrade replaces it; after a failed install that you give up, delete it yourself.
- Pods are replaced one by one, none taken away before the next is ready. Migrations only expand the schema, so the version
  before runs on it: a rollback needs none. It also brings back the older CustomResourceDefinitions, which drop fields that
  they do not know.
- \`helm uninstall\` leaves the CustomResourceDefinitions, with all Projects and Clients, and the namespace of the keys.
  Deleting them deletes what is in them.

## A second release

One cluster has one set of CustomResourceDefinitions: \`crds.install=false\` for every other release. Each release needs a
database and a namespace of its own. To hand the definitions over to another release, or to one that is to replace
\`kubectl apply\`:

\`\`\`sh
RELEASE="\${RELEASE:-vestibule}" NAMESPACE="\${NAMESPACE:-vestibule}"   # those that are to have them
for crd in projects clients; do
  kubectl label crd "$crd.vestibule.dev" app.kubernetes.io/managed-by=Helm --overwrite
  kubectl annotate crd "$crd.vestibule.dev" --overwrite \\
    "meta.helm.sh/release-name=$RELEASE" "meta.helm.sh/release-namespace=$NAMESPACE"
done
\`\`\`

## Values

Generated, as [values.schema.json](values.schema.json) is, from the comments in [values.yaml](values.yaml). A value that the
schema does not know is refused.

`;

/** charts/vestibule/README.md */
export function chartReadme(values: readonly DocumentedValue[]): string {
  return HEAD + valuesTables(values);
}
