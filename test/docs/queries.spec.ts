/** Runs the SQL of pages on a migrated database. */
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { blocksOf } from './support/blocks.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
});

it.each(['docs/database.md', 'docs/capacity.md'])('runs the queries of %s', async (page) => {
  const queries = blocksOf(page)
    .filter(({ language }) => language === 'sql')
    .flatMap(({ code }) => code.split(/;\n/))
    .filter((query) => query.trim() !== '');
  expect(queries).not.toEqual([]);
  for (const query of queries) expect(await database.query(query)).toBeInstanceOf(Array);
});
