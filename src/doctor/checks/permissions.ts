import type { Settings } from '../../config/load-settings.ts';
import type { Cluster } from '../../kubernetes/cluster.ts';
import { type Permission, permissionsFor, ROLE_FILES } from '../../kubernetes/permissions.ts';
import { type Access, allowedIn, mayDo, whoAsks } from '../access-reviews.ts';
import type { ClusterLink } from '../cluster-link.ts';
import { type Found, failure, findingEach, ok, warning } from '../finding.ts';

type Where = Pick<Settings, 'namespace' | 'keyNamespace' | 'tokenReview'>;

/** What the service asks for, in this installation's namespaces. */
export interface Needed extends Access {
  where: Permission['where'];
  feature: string;
}

/** What nothing here asks for, and what somebody who takes over the service would do with it. */
export interface Risk extends Access {
  why: string;
}

export interface Powers {
  who: string;
  needed: readonly Needed[];
  /** Of what is needed. */
  missing: readonly Needed[];
  /** Where it may do everything; undefined in the list stands for everywhere. */
  everything: readonly (string | undefined)[];
  risks: readonly Risk[];
  /** All that roles allow in the namespaces. */
  allowed: readonly Access[];
  /** Whether `allowed` is all. */
  complete: boolean;
}

/** Whether this process may do what it must in the cluster, and no more. */
export async function checkPermissions(link: ClusterLink, settings: Where): Promise<Found[]> {
  const { cluster } = await link.reached();
  return judgePowers(await readPowers(cluster, settings));
}

async function readPowers(cluster: Cluster, settings: Where): Promise<Powers> {
  const namespaces = [...new Set([settings.namespace, settings.keyNamespace])];
  const needed = neededIn(settings);
  const [who, granted, everything, risks, allowed] = await Promise.all([
    whoAsks(cluster),
    granting(cluster, needed),
    granting(cluster, [undefined, ...namespaces].map(allOf)),
    granting(cluster, risksOf(settings)),
    Promise.all(namespaces.map((namespace) => allowedIn(cluster, namespace))),
  ]);
  return {
    who,
    needed,
    missing: needed.filter((access) => !granted.includes(access)),
    everything: everything.map(({ namespace }) => namespace),
    risks,
    allowed: allowed.flatMap(({ accesses }) => accesses),
    complete: allowed.every(({ complete }) => complete),
  };
}

/** Those that are allowed. */
async function granting<T extends Access>(cluster: Cluster, accesses: readonly T[]): Promise<T[]> {
  const answers = await Promise.all(accesses.map((access) => mayDo(cluster, access)));
  return accesses.filter((_access, index) => answers[index]);
}

function allOf(namespace: string | undefined): Access {
  return { ...(namespace !== undefined && { namespace }), group: '*', resource: '*', verb: '*' };
}

export function neededIn(settings: Where): Needed[] {
  const namespaces = {
    configuration: settings.namespace,
    keys: settings.keyNamespace,
    cluster: undefined,
  };
  return permissionsFor(settings).map(({ where, group, resource, verb, resourceName, feature }) => {
    const namespace = namespaces[where];
    return {
      where,
      feature,
      group,
      resource,
      verb,
      ...(namespace !== undefined && { namespace }),
      ...(resourceName !== undefined && { resourceName }),
    };
  });
}

const SECRETS = { group: '', resource: 'secrets' };
const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'];

export function risksOf({ namespace, keyNamespace }: Where): Risk[] {
  const apart = namespace !== keyNamespace;
  const verbs = (some: string[], access: Omit<Risk, 'verb'>): Risk[] =>
    some.map((verb) => ({ ...access, verb }));
  const inEach = [...new Set([namespace, keyNamespace])].flatMap((one): Risk[] => [
    { namespace: one, group: '', resource: 'pods/exec', verb: 'create', why: 'it enters other pods' },
    { namespace: one, group: '', resource: 'pods', verb: 'create', why: 'a pod reads every Secret there' },
    {
      namespace: one,
      group: '',
      resource: 'serviceaccounts/token',
      verb: 'create',
      why: 'it speaks as every account there',
    },
  ]);
  return [
    { ...SECRETS, verb: 'list', why: 'it reads every secret of the cluster' },
    ...verbs(WRITES, {
      ...SECRETS,
      namespace: keyNamespace,
      why: 'keys come from the sealed-secrets controller alone',
    }),
    ...(apart
      ? verbs(['get', 'list', 'watch', ...WRITES], {
          ...SECRETS,
          namespace,
          why: 'keys are in another namespace',
        })
      : []),
    ...inEach,
  ];
}

export function judgePowers(powers: Powers): Found[] {
  const { who, needed, missing, complete } = powers;
  const found = [...findingEach(missing, (access) => tellMissing(who, access)), ...tooWide(powers)];
  if (found.length > 0) return found;
  const limits = complete ? '' : '; the API server cannot list all that its authorizers allow';
  return [ok(`${who} may do the ${needed.length} things that are needed, and no more${limits}`)];
}

function tellMissing(who: string, { where, feature, ...access }: Needed): Found {
  return failure(
    `${who} may not ${doing(access)}: this does not work: ${feature}`,
    `apply ${ROLE_FILES[where]}, with this account and these namespaces`,
  );
}

const NARROW = 'bind the account to the roles of k8s/rbac alone';

function tooWide(powers: Powers): Found[] {
  const { who, everything } = powers;
  if (everything.includes(undefined)) {
    return [
      warning(
        `${who} is an administrator of the whole cluster`,
        `run doctor as the service, in its pod; if the service is this account, ${NARROW}`,
      ),
    ];
  }
  return [
    ...everything.map((namespace) =>
      warning(`${who} may do everything in namespace ${namespace ?? ''}`, NARROW),
    ),
    ...findingEach(risksByWhy(powers), ({ verbs, risk }) =>
      warning(`${who} may ${doing({ ...risk, verb: verbs.join(', ') })}: ${risk.why}`, NARROW),
    ),
    ...surplus(powers),
  ];
}

/** One entry for the verbs on the same resource. */
function risksByWhy({ risks, everything }: Powers): { risk: Risk; verbs: string[] }[] {
  const grouped = new Map<string, { risk: Risk; verbs: string[] }>();
  for (const risk of risks.filter(({ namespace }) => !everything.includes(namespace))) {
    const about = `${risk.namespace ?? ''} ${risk.resource}`;
    const known = grouped.get(about);
    if (known === undefined) grouped.set(about, { risk, verbs: [risk.verb] });
    else known.verbs.push(risk.verb);
  }
  return [...grouped.values()];
}

/** Beyond this many, the rest is only counted. */
const MAX_NAMED = 10;
/** Every account may ask about itself. */
const ABOUT_ITSELF = /^selfsubject\w*reviews$/;

/** One finding a namespace: what is allowed there beside what is needed and what was told as a risk. */
function surplus({ who, needed, risks, allowed, everything }: Powers): Found[] {
  const unneeded = allowed.filter(
    (access) =>
      !ABOUT_ITSELF.test(access.resource) && ![...needed, ...risks].some((known) => covers(known, access)),
  );
  const namespaces = [...new Set(unneeded.map(({ namespace }) => namespace))];
  return namespaces
    .filter((namespace) => !everything.includes(namespace))
    .map((namespace) => {
      const there = unneeded.filter((access) => access.namespace === namespace).map(shortly);
      const all = [...new Set(there)];
      const more = all.length > MAX_NAMED ? `, and ${all.length - MAX_NAMED} more` : '';
      const what = all.slice(0, MAX_NAMED).join(', ');
      return warning(
        `${who} may do in namespace ${namespace ?? ''} what nothing here needs: ${what}${more}`,
        NARROW,
      );
    });
}

function covers(known: Access, access: Access): boolean {
  return (
    [access.namespace, undefined].includes(known.namespace) &&
    known.group === access.group &&
    known.resource === access.resource &&
    known.verb === access.verb &&
    [access.resourceName, undefined].includes(known.resourceName)
  );
}

function shortly({ verb, resourceName, ...access }: Access): string {
  return `${verb} ${named(access)}${resourceName === undefined ? '' : `/${resourceName}`}`;
}

function doing({ namespace, verb, resourceName, ...access }: Access): string {
  const place = namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`;
  return `${verb} ${named(access)}${resourceName === undefined ? '' : `/${resourceName}`} ${place}`;
}

/** As `kubectl auth can-i` takes it: `projects.vestibule.dev/status`. */
function named({ group, resource }: Pick<Access, 'group' | 'resource'>): string {
  const [name = '', subresource] = resource.split('/');
  const qualified = group === '' ? name : `${name}.${group}`;
  return subresource === undefined ? qualified : `${qualified}/${subresource}`;
}
