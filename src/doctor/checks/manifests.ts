import type { Settings } from '../../config/load-settings.ts';
import type { ManifestProblem } from '../../manifests/manifest.ts';
import type { Project } from '../../projects/resource.ts';
import { VAULT_LABEL } from '../../vault/sealing/sealed-secret.ts';
import type { MissingKey } from '../../vault/vault.ts';
import type { Configuration, Keyless } from '../configuration.ts';
import { type Found, failure, findingEach, ok, warning } from '../finding.ts';

/** What a service that starts now would make of the manifests. */
export function judgeManifests(
  configuration: Configuration,
  { jwtIssuers, vault }: Pick<Settings, 'jwtIssuers' | 'vault'>,
): Found[] {
  const { snapshot, problems } = configuration;
  const issuers = new Set(jwtIssuers.map(({ issuer }) => issuer));
  const found = [
    ...findingEach(problems, tellProblem),
    ...findingEach(configuration.keyless, tellKeyless),
    ...keysWithoutProject(configuration),
    ...findingEach(
      snapshot.clients.filter(({ projectName }) => !snapshot.projectsByName.has(projectName)),
      ({ source, projectName }) =>
        warning(
          `${source} /spec/projectRef/name: no Project ${projectName} serves, so this client is refused`,
          `add the Project ${projectName}, or remove the client`,
        ),
    ),
    ...findingEach(
      snapshot.clients.filter(({ issuer }) => issuer !== undefined && !issuers.has(issuer)),
      ({ source }) =>
        warning(
          `${source} /spec/issuer: it is not among VESTIBULE_JWT_ISSUERS, so this client has no valid token`,
          'add the issuer to VESTIBULE_JWT_ISSUERS, or mend the client',
        ),
    ),
  ];
  const projects = snapshot.projectsById.size;
  if (projects === 0) {
    found.push(
      warning(
        'no project is configured',
        vault === 'kubernetes'
          ? 'apply a Project, such as one of k8s/samples, or deposit a key, which makes one'
          : 'add a Project manifest, or deposit a key, which makes one',
      ),
    );
  }
  return found.length > 0
    ? found
    : [ok(`${projects} projects with their keys, ${snapshot.clients.length} clients`)];
}

function tellProblem({ source, field, message }: ManifestProblem): Found {
  return failure(`${source} ${field} ${message}`, fixOf(field, source));
}

function fixOf(field: string, source: string): string {
  if (field === '/spec/provider/baseUrl') return `add the URL to VESTIBULE_PROVIDER_URLS, or mend ${source}`;
  return `mend ${source}; until then a running service keeps its last good version, and a new one has none`;
}

function tellKeyless({ project: { projectId, keyRef }, why }: Keyless): Found {
  const message = `project ${projectId} has no key in ${keyRef.name}/${keyRef.key}, so it opens no session`;
  if (why !== undefined) return warning(`${message}: ${why.message}`, KEY_FIXES[why.reason]);
  return warning(message, `POST /projects/key with this project_id, or add the Secret ${keyRef.name}`);
}

const KEY_FIXES: Record<MissingKey['reason'], string> = {
  KeyMissing:
    'POST /projects/key with this project_id, or apply a SealedSecret of that name and entry; ' +
    `its template carries the label ${VAULT_LABEL}: "true"`,
  SecretNotLabelled: `add the label where the Secret is made: a SealedSecret has it in spec.template.metadata.labels`,
  SecretNotUnsealed:
    'POST /projects/key with this project_id, or seal it again by kubeseal for this name and namespace; ' +
    'then see the controller’s log',
};

function keysWithoutProject({ snapshot, secrets }: Configuration): Found[] {
  const claimed = new Set([...snapshot.projectsById.values(), ...snapshot.duplicates].map(secretOf));
  // A manifest that is not valid may be the one that wants it.
  for (const name of snapshot.invalid.keys()) claimed.add(`${name.replace(/^\w+\//, '')}-key`);
  return findingEach(
    secrets.filter(({ name }) => !claimed.has(name)),
    ({ name, source }) =>
      warning(`${source}: no project uses the Secret ${name}`, 'remove it, if nobody needs that key'),
  );
}

function secretOf({ keyRef }: Project): string {
  return keyRef.name;
}
