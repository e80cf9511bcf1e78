import { startTestCluster } from './cluster.ts';

/** Starts what all suites share; workers learn of it through the environment. Plain ESM: Jest would load TypeScript as CommonJS here. */
export default async function setup() {
  globalThis.testCluster = await startTestCluster();
  process.env.TEST_SUPERUSER_URL = globalThis.testCluster.superuserUrl;
}
