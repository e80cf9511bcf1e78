import { readFile } from 'node:fs/promises';
import { unavailable } from '../../common/app-error.ts';
import type { Clock } from '../../common/clock.ts';
import { readLimited } from '../../common/read-limited.ts';
import type { Cluster } from '../../kubernetes/cluster.ts';
import { CORE_API, pathOf } from '../../kubernetes/resource-paths.ts';
import { readCertificate, type SealingCertificate } from './sealing-certificate.ts';

/** A renewed certificate is used this much later at most; the one before goes on being unsealed. */
const FRESH_MS = 5 * 60_000;
/** The service is in the same cluster, or its name means nothing here. */
const SERVICE_TIMEOUT_MS = 2_000;
const MAX_BYTES = 64 * 1024;
const PORT = 8080;
const PATH = '/v1/cert.pem';

export interface CertificateOrigin {
  /** The controller's Service. */
  service: { namespace: string; name: string };
  /** A PEM file instead, for when the controller cannot be asked. */
  file: string | undefined;
}

/** The controller's current certificate: from its service, else through the API server's proxy; kept for a while. */
export class CertificateSource {
  readonly #cluster: Cluster;
  readonly #origin: CertificateOrigin;
  readonly #clock: Clock;
  #kept: { certificate: SealingCertificate; until: number } | undefined;

  constructor(cluster: Cluster, origin: CertificateOrigin, clock: Clock) {
    this.#cluster = cluster;
    this.#origin = origin;
    this.#clock = clock;
  }

  /** Rejects with a 503 when there is none to be had. */
  async current(): Promise<SealingCertificate> {
    const now = this.#clock.now();
    if (this.#kept !== undefined && this.#clock.monotonic() < this.#kept.until) {
      if (now <= this.#kept.certificate.notAfter) return this.#kept.certificate;
    }
    const certificate = readCertificate(await this.#fetch(), now);
    if (this.#origin.file === undefined) {
      this.#kept = { certificate, until: this.#clock.monotonic() + FRESH_MS };
    }
    return certificate;
  }

  /** What was sealed was not unsealed: the certificate may be another's by now. */
  forget(): void {
    this.#kept = undefined;
  }

  async #fetch(): Promise<string> {
    const { file } = this.#origin;
    try {
      if (file !== undefined) return await readFile(file, 'utf8');
      return await this.#fromService().catch(() => this.#throughApiServer());
    } catch (error) {
      throw unavailable('The sealed-secrets controller does not give its certificate.', error);
    }
  }

  async #fromService(): Promise<string> {
    const { namespace, name } = this.#origin.service;
    const answer = await fetch(`http://${name}.${namespace}.svc:${PORT}${PATH}`, {
      signal: AbortSignal.timeout(SERVICE_TIMEOUT_MS),
      redirect: 'error',
    });
    if (!answer.ok || answer.body === null) throw new Error(`status ${answer.status}`);
    return readLimited(answer.body, MAX_BYTES);
  }

  /** As kubeseal does: the API server wants the port's name. */
  async #throughApiServer(): Promise<string> {
    const { namespace, name } = this.#origin.service;
    const path = pathOf(CORE_API, namespace, 'services', name);
    const { spec } = await this.#cluster.request<{ spec: { ports: { name?: string }[] } }>({
      method: 'GET',
      path,
    });
    const target = `http:${name}:${spec.ports[0]?.name ?? ''}`;
    return this.#cluster.text(`${pathOf(CORE_API, namespace, 'services', target)}/proxy${PATH}`);
  }
}
