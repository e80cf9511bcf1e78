import { auditEntry } from '../audit/audit-entry.ts';
import type { AuditDetails, AuditEntry, AuditEventName, AuditOrigin } from '../audit/audit-event.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { AppError, notFound } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import type { SecretString } from '../common/secret-string.ts';
import type { Installation } from '../database/installation.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { Project } from '../projects/resource.ts';
import type { RealtimeProvider } from '../providers/realtime-provider.ts';
import { ProjectKey } from './project-key.ts';
import type { Vault } from './vault.ts';

export interface Deposit {
  projectId: string;
  secret: SecretString;
  origin: AuditOrigin;
}

export interface Deposited {
  key: ProjectKey;
  replaced: boolean;
}

/**
 * Deposits, rotates and removes keys. The audit row is committed before the vault is written; when the write then
 * fails, a second row of the same request says so.
 */
export class KeyDeposits {
  readonly #vault: Vault;
  readonly #registry: ProjectRegistry;
  readonly #provider: RealtimeProvider;
  readonly #audit: { log: AuditLog; installation: Installation };
  readonly #clock: Clock;

  constructor(
    vault: Vault,
    registry: ProjectRegistry,
    provider: RealtimeProvider,
    audit: { log: AuditLog; installation: Installation },
    clock: Clock,
  ) {
    this.#vault = vault;
    this.#registry = registry;
    this.#provider = provider;
    this.#audit = audit;
    this.#clock = clock;
  }

  /** Stores a key for a project, which it creates with the defaults when none is configured. */
  async deposit({ projectId, secret, origin }: Deposit, validate: boolean): Promise<Deposited> {
    const configured = this.#registry.snapshot.projectsById.get(projectId);
    if (configured === undefined && this.#registry.isClaimed(projectId)) {
      throw new AppError('invalid_request', 'This project’s manifest is not valid: mend it first.');
    }
    await this.#vault.checkWritable();
    if (validate) await this.#validate(secret, configured);
    const previous = configured && this.#vault.find(configured.keyRef);
    const detail = { key_fingerprint: secret.fingerprint(), replaced: previous !== undefined };
    const entry = this.#entry('vault_key_saved', projectId, origin, detail);
    const key = await this.#audit.log.recorded(entry, async () => {
      // Somebody else may have made it meanwhile.
      const project =
        this.#registry.snapshot.projectsById.get(projectId) ?? (await this.#create(projectId, origin));
      return this.#vault.put(project.keyRef, secret);
    });
    return { key, replaced: previous !== undefined };
  }

  /** Replaces a key; 404 without one. Mints that are under way finish with the key they began with. */
  async rotate({ projectId, secret, origin }: Deposit): Promise<Deposited> {
    const { project, key: previous } = this.#existing(projectId);
    await this.#vault.checkWritable();
    const detail = { key_fingerprint: secret.fingerprint(), previous_fingerprint: previous.fingerprint };
    const key = await this.#audit.log.recorded(
      this.#entry('vault_key_rotated', projectId, origin, detail),
      () => this.#vault.put(project.keyRef, secret),
    );
    return { key, replaced: true };
  }

  /** Removes a key; 404 without one. */
  async remove(projectId: string, origin: AuditOrigin): Promise<ProjectKey> {
    const { project, key } = this.#existing(projectId);
    const entry = this.#entry('vault_key_deleted', projectId, origin, { key_fingerprint: key.fingerprint });
    await this.#audit.log.recorded(entry, () => this.#vault.remove(project.keyRef));
    return key;
  }

  #existing(projectId: string): { project: Project; key: ProjectKey } {
    const project = this.#registry.snapshot.projectsById.get(projectId);
    const key = project && this.#vault.find(project.keyRef);
    if (project === undefined || key === undefined) throw notFound('This project has no key.');
    return { project, key };
  }

  async #validate(secret: SecretString, project: Project | undefined): Promise<void> {
    const baseUrl = project?.spec.provider.baseUrl ?? this.#registry.baseUrlOfNewProjects;
    const now = this.#clock.now();
    if (!(await this.#provider.accepts(new ProjectKey(secret, now, now), baseUrl))) {
      throw new AppError('invalid_key', 'The provider does not accept this key.');
    }
  }

  async #create(projectId: string, origin: AuditOrigin): Promise<Project> {
    const entry = this.#entry('config_changed', projectId, origin, {
      change: 'created',
      resource: 'project',
    });
    await this.#audit.log.recorded(entry, () =>
      this.#registry.create(projectId, (name) => this.#vault.holds(name)),
    );
    const created = this.#registry.snapshot.projectsById.get(projectId);
    if (created === undefined) throw new AppError('unavailable', 'The project could not be created.');
    return created;
  }

  #entry<E extends AuditEventName>(
    event: E,
    projectId: string,
    origin: AuditOrigin,
    detail: AuditDetails[E],
  ): AuditEntry {
    return auditEntry(event, origin, detail, {
      projectHash: this.#audit.installation.projectHash(projectId),
    });
  }
}
