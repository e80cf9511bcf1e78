import { randomBytes } from 'node:crypto';
import { Controller, Delete, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access } from '../auth/access.ts';
import { adminOrigin } from '../auth/credentials.ts';
import { Clock } from '../common/clock.ts';
import { requestChecker } from '../common/schema.ts';
import { SecretString } from '../common/secret-string.ts';
import { readJsonObject } from '../http/json-body.ts';
import { Describe } from '../openapi/describe.ts';
import { type Deposit, type Deposited, KeyDeposits } from './key-deposits.ts';
import { Vault } from './vault.ts';
import {
  DepositBody,
  depositKey,
  readVaultHealth,
  RemovalBody,
  removeKey,
  rotateKey,
  RotationBody,
} from './vault-api.ts';

const PROBE_SLOW_MS = 2_000;

const checkDeposit = requestChecker(DepositBody);
const checkRotation = requestChecker(RotationBody);
const checkRemoval = requestChecker(RemovalBody);

/** The keys of the vault, for admins: they come in here and never go out again. */
@Controller()
export class VaultController {
  constructor(
    private readonly deposits: KeyDeposits,
    private readonly vault: Vault,
    private readonly clock: Clock,
  ) {}

  @Post('projects/key')
  @Access('admin')
  @Describe(depositKey)
  async deposit(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const body = checkDeposit(await readJsonObject(request));
    const deposit = this.#deposit(request, body);
    const deposited = await this.deposits.deposit(deposit, body.validate === true);
    reply.status(deposited.replaced ? 200 : 201);
    return this.#show(deposit.projectId, deposited);
  }

  @Post('projects/key/rotate')
  @Access('admin')
  @Describe(rotateKey)
  async rotate(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const body = checkRotation(await readJsonObject(request));
    const deposit = this.#deposit(request, body);
    reply.status(200);
    return this.#show(deposit.projectId, await this.deposits.rotate(deposit));
  }

  @Delete('projects/key')
  @Access('admin')
  @Describe(removeKey)
  async remove(@Req() request: FastifyRequest): Promise<unknown> {
    const body = checkRemoval(await readJsonObject(request));
    const { project_id: projectId } = body;
    const removed = await this.deposits.remove(projectId, adminOrigin(request));
    return { success: true, project_id: projectId, key_fingerprint: removed.fingerprint };
  }

  /** A write, read and removal of a throw-away key. */
  @Get('health/vault')
  @Access('admin')
  @Describe(readVaultHealth)
  async health(): Promise<unknown> {
    const ref = { name: `vestibule-probe-${randomBytes(8).toString('hex')}`, key: 'probe' };
    const started = this.clock.monotonic();
    let healthy = true;
    try {
      await this.vault.put(ref, new SecretString(randomBytes(16).toString('hex')));
    } catch {
      healthy = false;
    }
    await this.vault.remove(ref).catch(() => {
      healthy = false;
    });
    const milliseconds = Math.round((this.clock.monotonic() - started) * 100) / 100;
    return {
      status: healthy && milliseconds < PROBE_SLOW_MS ? 'healthy' : 'degraded',
      round_trip_ms: milliseconds,
    };
  }

  #deposit(request: FastifyRequest, body: { project_id: string; openai_key: string }): Deposit {
    return {
      projectId: body.project_id,
      secret: new SecretString(body.openai_key),
      origin: adminOrigin(request),
    };
  }

  #show(projectId: string, { key }: Deposited): Record<string, unknown> {
    return {
      success: true,
      project_id: projectId,
      key_fingerprint: key.fingerprint,
      created_at: new Date(key.loadedAt).toISOString(),
    };
  }
}
