/**
 * A fleet's chain on anvil under Osaka rules, on a free loopback port: `node anvil-process.ts <folder>`. This process stands
 * between the fleet and the binary, so that anvil ends with the fleet like every other part.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { anvilBinary } from "./clients.ts";

const [folder = "."] = process.argv.slice(2);
const options = ["--host", "127.0.0.1", "--port", "0", "--chain-id", "31337", "--accounts", "1"];
// Osaka's cap on a transaction's gas is a switch of its own here (EIP-7825).
const rules = ["--hardfork", "osaka", "--enable-tx-gas-limit"];
// States of old blocks go to the disk, and not into the user's home.
const anvil = spawn(anvilBinary(), [...options, ...rules, "--cache-path", folder], {
  stdio: ["ignore", "pipe", "inherit"],
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => anvil.kill("SIGTERM"));
anvil.once("error", (error) => {
  process.stderr.write(`anvil does not start: ${error.message}\n`);
  process.exit(1);
});
anvil.once("close", (code) => process.exit(code ?? 0));
// It also prints every call; reading on keeps its pipe from filling up.
createInterface({ input: anvil.stdout }).on("line", (line) => {
  const address = /^Listening on (127\.0\.0\.1:\d+)$/.exec(line)?.[1];
  if (address === undefined) return;
  process.stdout.write(`${JSON.stringify({ event: "ready", rpc: `http://${address}` })}\n`);
});
