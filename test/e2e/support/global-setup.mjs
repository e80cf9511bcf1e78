import setupDatabase from '../../support/global-setup.mjs';
import { installCrds } from './crds.ts';

export default async function setup() {
  await installCrds();
  await setupDatabase();
}
