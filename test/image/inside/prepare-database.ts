// Roles, and an owner for the database of SUPERUSER_URL, once that answers.
import pg from 'pg';

const DEADLINE_MS = 30_000;
const PAUSE_MS = 50;
const { SUPERUSER_URL, PASSWORD = '' } = process.env;

async function connect(): Promise<pg.Client> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const client = new pg.Client({ connectionString: SUPERUSER_URL });
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

const client = await connect();
for (const role of ['owner', 'serving']) {
  await client.query(`CREATE ROLE ${role} LOGIN PASSWORD ${client.escapeLiteral(PASSWORD)}`);
}
await client.query('ALTER DATABASE vestibule OWNER TO owner');
await client.end();
