import type { Static, TSchema } from 'typebox';
import type { ErrorDetail } from '../common/app-error.ts';
import { withoutNulls } from '../common/json.ts';
import { type Checked, checker } from '../common/schema.ts';
import type { Manifest } from '../manifests/manifest.ts';
import type { KeyRef } from '../vault/project-key.ts';
import {
  ClientManifest,
  type ClientSpec,
  DEFAULT_MODEL,
  MAX_NAME_LENGTH,
  ProjectManifest,
  type ProjectSpec,
  TURN_TTL_S,
} from './project-schema.ts';
import { brokenRules, CLIENT_RULES, PROJECT_RULES } from './resource-rules.ts';

interface TurnAccount {
  /** How long credentials live. */
  ttlSeconds: number;
  secretRef: KeyRef;
}

/** The relays of a project that has any, by who hands out credentials for them. */
export type TurnSettings = TurnAccount &
  (
    | { type: 'coturn'; urls: string[] }
    | { type: 'cloudflare'; keyId: string }
    | { type: 'static'; urls: string[]; username: string }
  );

/** A project as configured, defaults filled in. */
export interface Project {
  name: string;
  projectId: string;
  keyRef: KeyRef;
  spec: ProjectSpec;
  /** The model of a session that names none. */
  defaultModel: string;
  /** What old clients ask for → what they get. */
  modelAliases: Readonly<Record<string, string>>;
  /** Undefined: STUN only. */
  turn: TurnSettings | undefined;
  createdAt: number;
  source: string;
}

/** A managed client as configured, defaults filled in. */
export interface Client {
  name: string;
  clientId: string;
  /** Absent: its tokens are signed by this service. */
  issuer: string | undefined;
  projectName: string;
  spec: ClientSpec;
  /** Unix seconds; older tokens are refused. */
  tokensNotBefore: number | undefined;
  source: string;
}

/** The Secret of a project that names none. */
export function keySecretName(projectName: string): string {
  return `${projectName}-key`;
}

const checkProject = manifestChecker(ProjectManifest);
const checkClient = manifestChecker(ClientManifest);

/** A field without a value counts as absent, as it does for the API server. */
function manifestChecker<S extends TSchema>(schema: S): (document: unknown) => Checked<Static<S>> {
  const check = checker(schema, { nameUnknownFields: true });
  return (document) => check(withoutNulls(document));
}

export function readProject(manifest: Manifest, baseUrlAllowed: (url: string) => boolean): Checked<Project> {
  const checked = checkProject(manifest.document);
  if (!checked.ok) return checked;
  const { spec } = checked.value;
  const keyRef = { name: spec.keySecretRef.name ?? keySecretName(manifest.name), key: spec.keySecretRef.key };
  const details = projectProblems(spec, keyRef, baseUrlAllowed);
  if (details.length > 0) return { ok: false, details };
  const defaultModel = spec.session.models[0] ?? DEFAULT_MODEL;
  return {
    ok: true,
    value: {
      name: manifest.name,
      projectId: spec.projectId ?? manifest.name,
      keyRef,
      spec,
      defaultModel,
      modelAliases: spec.session.modelAliases ?? { 'gpt-4o-realtime-preview': defaultModel },
      turn: turnSettings(spec.turn),
      createdAt: manifest.createdAt,
      source: manifest.source,
    },
  };
}

export function readClient(manifest: Manifest): Checked<Client> {
  const checked = checkClient(manifest.document);
  if (!checked.ok) return checked;
  const { spec } = checked.value;
  const details = brokenRules(CLIENT_RULES, spec);
  if (details.length > 0) return { ok: false, details };
  return {
    ok: true,
    value: {
      name: manifest.name,
      clientId: spec.clientId ?? manifest.name,
      issuer: spec.issuer,
      projectName: spec.projectRef.name,
      spec,
      tokensNotBefore:
        spec.tokensNotBefore === undefined ? undefined : Math.ceil(Date.parse(spec.tokensNotBefore) / 1000),
      source: manifest.source,
    },
  };
}

/** Of a spec that keeps the rules, which say what each type has. */
function turnSettings({ type, ...turn }: ProjectSpec['turn']): TurnSettings | undefined {
  return type === 'none' ? undefined : ({ type, ttlSeconds: TURN_TTL_S, ...turn } as TurnSettings);
}

function projectProblems(
  spec: ProjectSpec,
  keyRef: KeyRef,
  baseUrlAllowed: (url: string) => boolean,
): ErrorDetail[] {
  const details = brokenRules(PROJECT_RULES, spec);
  if (keyRef.name.length > MAX_NAME_LENGTH) {
    const message = 'has to be given: made of this name, the Secret’s would be too long';
    details.push({ path: '/spec/keySecretRef/name', message });
  }
  // No rule of the resource's own: what is allowed is a setting.
  if (!baseUrlAllowed(spec.provider.baseUrl)) {
    details.push({ path: '/spec/provider/baseUrl', message: 'is not among VESTIBULE_PROVIDER_URLS' });
  }
  return details;
}
