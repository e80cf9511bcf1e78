import { createMigrationDataSource } from '../../src/database/data-source.ts';

/** Takes a database back to before a migration; returns what was undone, in the order in which it had run. */
export async function undoMigrations(ownerUrl: string, since: string): Promise<string[]> {
  const owner = createMigrationDataSource(ownerUrl);
  await owner.initialize();
  try {
    const names = owner.migrations.map(({ constructor }) => constructor.name);
    const undone = names.slice(names.indexOf(since));
    for (const _ of undone) await owner.undoLastMigration();
    return undone;
  } finally {
    await owner.destroy();
  }
}
