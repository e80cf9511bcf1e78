import type { ErrorDetail } from '../common/app-error.ts';
import { type ClientSpec, isTerm, type ProjectSpec, TERM } from './project-schema.ts';

/** A rule that a schema cannot say: judged here by `holds`, and by the API server by its CEL. */
export interface ResourceRule<Spec> {
  /** JSON Pointer of the value that the CEL calls `self`; the rule is asked only where there is one. */
  self: string;
  /** JSON Pointer of the field that is at fault. */
  field: string;
  message: string;
  /** On a resource whose defaults are filled in, and so is `holds`. */
  cel: string;
  holds: (spec: Spec) => boolean;
}

const LEAP_YEAR = '(\\d\\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)';
const DATES = [
  '\\d{4}-(0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])',
  '\\d{4}-(0[469]|11)-(0[1-9]|[12]\\d|30)',
  '\\d{4}-02-(0[1-9]|1\\d|2[0-8])',
  `${LEAP_YEAR}-02-29`,
];
const HOUR_AND_MINUTE = '([01]\\d|2[0-3]):[0-5]\\d';
/** As a pattern, because CEL and JavaScript differ in which other texts they take for a time: 30 February, 24:00. */
const RFC_3339 = `^(${DATES.join('|')})T${HOUR_AND_MINUTE}:[0-5]\\d(\\.\\d+)?(Z|[+-]${HOUR_AND_MINUTE})$`;
const RFC_3339_PATTERN = new RegExp(RFC_3339);

export const PROJECT_RULES: readonly ResourceRule<ProjectSpec>[] = [
  {
    self: '/spec/session',
    field: '/spec/session/leaseSeconds',
    message: 'must be at least secretTtlSeconds',
    cel: 'self.leaseSeconds >= self.secretTtlSeconds',
    holds: ({ session }) => session.leaseSeconds >= session.secretTtlSeconds,
  },
  {
    self: '/spec/session',
    field: '/spec/session/defaults/voice',
    message: 'must be one of voices',
    cel: '!has(self.defaults.voice) || self.voices.size() == 0 || self.defaults.voice in self.voices',
    holds: ({ session: { defaults, voices } }) =>
      defaults.voice === undefined || voices.length === 0 || voices.includes(defaults.voice),
  },
  {
    self: '/spec/session/modelAliases',
    field: '/spec/session/modelAliases',
    message: 'has a key that is no model name',
    cel: `self.all(alias, alias.matches(${celText(TERM)}))`,
    holds: ({ session }) => Object.keys(session.modelAliases ?? {}).every(isTerm),
  },
  turnField('urls', 'coturn', 'static'),
  {
    self: '/spec/turn/urls',
    field: '/spec/turn/urls',
    message: 'must have a turn: or turns: URL',
    cel: "self.exists(url, url.startsWith('turn'))",
    holds: ({ turn: { urls } }) => urls === undefined || urls.some((url) => url.startsWith('turn')),
  },
  turnField('keyId', 'cloudflare'),
  turnField('username', 'static'),
  turnField('secretRef', 'coturn', 'cloudflare', 'static'),
];

export const CLIENT_RULES: readonly ResourceRule<ClientSpec>[] = [
  {
    self: '/spec',
    field: '/spec/serviceAccount',
    message: 'cannot be combined with clientId or issuer',
    cel: '!has(self.serviceAccount) || !has(self.clientId) && !has(self.issuer)',
    holds: ({ serviceAccount, clientId, issuer }) =>
      serviceAccount === undefined || (clientId === undefined && issuer === undefined),
  },
  {
    self: '/spec/tokensNotBefore',
    field: '/spec/tokensNotBefore',
    message: 'must be an RFC 3339 time',
    cel: `self.matches(${celText(RFC_3339)})`,
    holds: ({ tokensNotBefore }) => tokensNotBefore === undefined || RFC_3339_PATTERN.test(tokensNotBefore),
  },
];

export function brokenRules<Spec>(rules: readonly ResourceRule<Spec>[], spec: Spec): ErrorDetail[] {
  return rules.filter(({ holds }) => !holds(spec)).map(({ field, message }) => ({ path: field, message }));
}

type Turn = ProjectSpec['turn'];

/** Needed with these types and refused with others; none takes all, so that relays can be switched off as they are. */
function turnField(
  field: 'urls' | 'keyId' | 'username' | 'secretRef',
  ...types: Turn['type'][]
): ResourceRule<ProjectSpec> {
  const listed = types.map((type) => `'${type}'`).join(', ');
  return {
    self: '/spec/turn',
    field: `/spec/turn/${field}`,
    message: `is needed with the type ${types.join(' or ')}, and goes with no other`,
    cel: `self.type == 'none' || has(self.${field}) == (self.type in [${listed}])`,
    holds: ({ turn }) => turn.type === 'none' || (turn[field] !== undefined) === types.includes(turn.type),
  };
}

/** A raw string of CEL: backslashes stay as they are. */
function celText(pattern: string): string {
  return `r'${pattern}'`;
}
