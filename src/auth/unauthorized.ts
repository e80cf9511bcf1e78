import { AppError } from '../common/app-error.ts';

/** Why a caller was refused: for the audit and the log. Every caller gets the same words. */
export type RejectionReason =
  | 'key_header'
  | 'bad_authorization'
  | 'no_credentials'
  | 'unknown_project'
  | 'project_without_key'
  | 'project_id_disabled'
  | 'origin'
  | 'unknown_client'
  | 'token_too_old';

export class Unauthorized extends AppError {
  readonly reason: RejectionReason;

  constructor(reason: RejectionReason) {
    super(
      'unauthorized',
      'This service is vault-only: bring a JWT of a managed client or the project_id of a project in the vault, never a provider key.',
    );
    this.reason = reason;
  }
}
