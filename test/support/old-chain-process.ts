/** A Hardhat node under the rules before Prague: no EIP-2537. */
import { network } from "hardhat";

const server = await network.createServer(
  { network: "hardhat", chainType: "l1", override: { hardfork: "cancun" } },
  "127.0.0.1",
  0,
);
const { address, port } = await server.listen();
process.stdout.write(`${JSON.stringify({ event: "ready", rpc: `http://${address}:${port}` })}\n`);
process.once("SIGTERM", () => void server.close().finally(() => process.exit(0)));
