import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RejectionSampler } from '../audit/rejection-sampler.ts';
import { type Principal, resolveCaller, withKey } from '../auth/caller.ts';
import { credentialsOf, originOf } from '../auth/credentials.ts';
import { Unauthorized } from '../auth/unauthorized.ts';
import { unavailable } from '../common/app-error.ts';
import { readJsonObject } from '../http/json-body.ts';
import { headerOf } from '../http/request-context.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { Project } from '../projects/resource.ts';
import { subjectOf } from '../projects/snapshot.ts';
import type { Vault } from '../vault/vault.ts';
import type { Admission } from './admission.ts';
import { checkIdempotencyKey, type OpenRequest } from './open-request.ts';
import type { SessionOpener } from './session-opener.ts';

export type BodyReader = (body: Record<string, unknown>, project: Project) => OpenRequest;

/** From an HTTP request to an opened session, in the contract's order of refusals, for both routes that open one. */
export class SessionEndpoint {
  readonly #opener: SessionOpener;
  readonly #registry: ProjectRegistry;
  readonly #vault: Vault;
  readonly #rejections: RejectionSampler;
  readonly #admission: Admission;

  constructor(
    opener: SessionOpener,
    registry: ProjectRegistry,
    vault: Vault,
    rejections: RejectionSampler,
    admission: Admission,
  ) {
    this.#opener = opener;
    this.#registry = registry;
    this.#vault = vault;
    this.#rejections = rejections;
    this.#admission = admission;
  }

  async open(request: FastifyRequest, reply: FastifyReply, read: BodyReader): Promise<unknown> {
    const { token } = credentialsOf(request, 'caller');
    this.#admission.admit(headerOf(request, 'authorization'), token?.expiresAt);
    const body = await readJsonObject(request);
    const principal = this.identify(request, body['project_id']);
    const { project, flow } = principal;
    const asked = read(body, project);
    const idempotencyKey = checkIdempotencyKey(headerOf(request, 'idempotency-key'));
    const caller = withKey(principal);
    const gone = goneSignal(reply);
    try {
      const opened = await this.#opener.open({
        caller,
        request: asked,
        origin: originOf(
          request,
          caller.client ? subjectOf(caller.client) : null,
          caller.client ? 'client' : 'project',
        ),
        idempotencyKey,
        body: [request.routeOptions.url, body],
        gone,
        onCounted: (limit) => {
          request.context.limit = limit;
        },
      });
      request.context.session = { project: project.projectId, flow, replayed: opened.replayed };
      if (opened.replayed) reply.header('idempotency-replayed', 'true');
      return opened.answer;
    } catch (error) {
      if (gone.aborted) throw unavailable('The client went away.');
      throw error;
    }
  }

  /** Names the caller, or refuses it and counts the refusal; also notes whose project it is, and who may read the answer. */
  identify(request: FastifyRequest, projectId: unknown): Principal {
    const { token } = credentialsOf(request, 'caller');
    const origin = headerOf(request, 'origin');
    try {
      const claims = { token, projectId, origin };
      return resolveCaller(this.#registry.snapshot, this.#vault, claims, ({ project, flow, readable }) => {
        request.context.session = { project: project.projectId, flow, replayed: false };
        if (readable && origin !== undefined) request.context.allowOrigin = origin;
      });
    } catch (error) {
      if (error instanceof Unauthorized) {
        this.#rejections.count('auth_rejected', request.context.address, error.reason);
      }
      throw error;
    }
  }
}

/** Aborted when the connection closes before the answer is out. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  if (reply.raw.destroyed) controller.abort();
  return controller.signal;
}
