import { generateKeyPairSync } from 'node:crypto';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { aCertificate } from '../../../test/support/certificates.ts';
import { until } from '../../../test/support/until.ts';
import { unavailable } from '../../common/app-error.ts';
import { exposition } from '../../telemetry/exposition.ts';
import { Metrics } from '../../telemetry/metrics.ts';
import { certificateMetrics } from './certificate-metrics.ts';
import { readCertificate, type SealingCertificate } from './sealing-certificate.ts';

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const certificate = (notBefore: number, notAfter: number): SealingCertificate =>
  readCertificate(
    aCertificate(publicKey, { notBefore: notBefore * 1000, notAfter: notAfter * 1000 }),
    notBefore,
  );

/** A controller that the spec plays: it keeps whoever asks waiting until it answers. */
class Controller {
  #waiting: ((answer: SealingCertificate | Promise<never>) => void)[] = [];
  asked = 0;

  current(): Promise<SealingCertificate> {
    this.asked += 1;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  answer(answer: SealingCertificate | Promise<never>): void {
    for (const resolve of this.#waiting.splice(0)) resolve(answer);
  }
}

describe('the figures of the sealing certificate', () => {
  const controller = new Controller();
  const { registry } = new Metrics(new FakeClock());
  certificateMetrics(registry, controller);
  const figures = async (): Promise<number[]> =>
    (await exposition(registry, undefined)).text
      .split('\n')
      .filter((line) => line.startsWith('sealing_certificate_'))
      .map((line) => Number(line.split(' ')[1]))
      .sort((one, other) => one - other);

  it('are not there before the first, for which nobody waits and nobody asks twice', async () => {
    expect(await figures()).toEqual([]);
    expect(await figures()).toEqual([]);
    expect(controller.asked).toBe(1);
  });

  it('are its first and its last moment', async () => {
    controller.answer(certificate(1_800_000_000, 2_000_000_000));
    await until('it is known', async () => (await figures()).length > 0);
    expect(await figures()).toEqual([1_800_000_000, 2_000_000_000]);
  });

  it('stay while there is no other to be had, and then are those of the next', async () => {
    const before = controller.asked;
    controller.answer(Promise.reject(unavailable('The controller is away.')));
    await until('it is asked again', async () => {
      expect(await figures()).toEqual([1_800_000_000, 2_000_000_000]);
      return controller.asked > before;
    });
    controller.answer(certificate(1_900_000_000, 2_040_000_000));
    await until('the next is known', async () => (await figures())[0] === 1_900_000_000);
    expect(await figures()).toEqual([1_900_000_000, 2_040_000_000]);
  });
});
