import type { FastifyRequest } from 'fastify';
import type { RejectionSampler } from '../audit/rejection-sampler.ts';
import { originAllowed } from '../auth/caller.ts';
import { credentialsOf } from '../auth/credentials.ts';
import { Unauthorized } from '../auth/unauthorized.ts';
import { AppError } from '../common/app-error.ts';
import { headerOf } from '../http/request-context.ts';
import type { ProjectPseudonyms } from '../projects/project-pseudonyms.ts';
import type { Project } from '../projects/resource.ts';
import type { LeaseService } from './lease.service.ts';

export interface LeaseHolding {
  project: Project;
  sessionId: string;
}

/** Names the session and the project of whoever holds a lease token, where other callers bring a JWT. */
export class LeaseHolders {
  readonly #leases: LeaseService;
  readonly #pseudonyms: ProjectPseudonyms;
  readonly #rejections: RejectionSampler;

  constructor(leases: LeaseService, pseudonyms: ProjectPseudonyms, rejections: RejectionSampler) {
    this.#leases = leases;
    this.#pseudonyms = pseudonyms;
    this.#rejections = rejections;
  }

  /** Refuses all others as a bad Authorization is refused; and a `projectId` that is another project's. */
  async identify(request: FastifyRequest, projectId: unknown): Promise<LeaseHolding> {
    const { leaseToken } = credentialsOf(request, 'lease');
    const session = leaseToken === undefined ? undefined : await this.#leases.liveSession(leaseToken);
    const project = session && this.#pseudonyms.projectOf(session.project_hash);
    if (session === undefined || project === undefined) {
      const refusal = new Unauthorized('bad_authorization');
      this.#rejections.count('auth_rejected', request.context.address, refusal.reason);
      throw refusal;
    }
    const origin = headerOf(request, 'origin');
    if (origin !== undefined && originAllowed(project, origin)) request.context.allowOrigin = origin;
    if (typeof projectId === 'string' && projectId !== project.projectId) {
      throw new AppError('forbidden', 'This session is of another project.');
    }
    if (project.spec.suspended) throw new AppError('suspended', 'This project is suspended.');
    return { project, sessionId: session.id };
  }
}
