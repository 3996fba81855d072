/**
 * A fleet's chain: a Hardhat node under Osaka rules on loopback, in a process of its own: `node chain-process.ts <folder> [port]`, by
 * default on a free port. Blocks come at once during set-up; the fleet sets their pace by RPC after it.
 */
import { network } from "hardhat";

const [, port = "0"] = process.argv.slice(2);
const server = await network.createServer({ network: "hardhat", chainType: "l1" }, "127.0.0.1", Number(port));
const at = await server.listen();
process.stdout.write(`${JSON.stringify({ event: "ready", rpc: `http://${at.address}:${at.port}` })}\n`);

const stop = (): void => {
  void server.close().finally(() => process.exit(0));
};
process.once("SIGTERM", stop);
process.once("SIGINT", stop);
