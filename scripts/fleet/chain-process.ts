/**
 * A fleet's chain: a Hardhat node under Osaka rules on a free loopback port, in a process of its own. Blocks come
 * at once during set-up; the fleet sets their pace by RPC when the group exists.
 */
import { network } from "hardhat";

const server = await network.createServer({ network: "hardhat", chainType: "l1" }, "127.0.0.1", 0);
const { address, port } = await server.listen();
process.stdout.write(`${JSON.stringify({ event: "ready", rpc: `http://${address}:${port}` })}\n`);

const stop = (): void => {
  void server.close().finally(() => process.exit(0));
};
process.once("SIGTERM", stop);
process.once("SIGINT", stop);
