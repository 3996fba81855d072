/** The recorded transactions on anvil, Foundry's chain, each in a block of the same number. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { anvilBinary } from "../../../scripts/fleet/clients.ts";
import { outcomeOf, type Outcome, type Recording, type RpcReceipt } from "./recording.ts";
import type { Rpc } from "./chain.ts";

type Hex = `0x${string}`;
const coins = `0x${(10n ** 30n).toString(16)}`;

export type Anvil = {
  outcomes: Outcome[];
  codeHash(address: Hex): Promise<Hex>;
  /** The word in a slot. Anvil's own storage roots are of no use: they count slots that are zero again. */
  word(address: Hex, slot: Hex): Promise<Hex>;
  close(): Promise<void>;
};

/**
 * Runs every transaction of a recording. Block hashes are anvil's own; in logs and words they are replaced by the recorded ones of the
 * same number, as a committee's seed is one of them.
 */
export async function replayOnAnvil(recording: Recording): Promise<Anvil> {
  const folder = mkdtempSync(join(tmpdir(), "whitepay-anvil-"));
  const options = [
    "--host",
    "127.0.0.1",
    "--port",
    "0",
    "--chain-id",
    String(recording.chainId),
    "--no-mining",
  ];
  const rules = [
    "--hardfork",
    "osaka",
    "--enable-tx-gas-limit",
    "--gas-limit",
    String(recording.transactions[0]?.block.gasLimit),
  ];
  const anvil = spawn(anvilBinary(), [...options, ...rules, "--cache-path", folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const rpc = rpcAt(await addressOf(anvil));
  for (const sender of new Set(recording.transactions.map(({ from }) => from))) {
    await rpc("anvil_setBalance", [sender, coins]);
  }
  const outcomes: Outcome[] = [];
  let head = 0;
  for (const { raw, block } of recording.transactions) {
    const number = Number(block.number);
    if (number > head + 1) await rpc("anvil_mine", [`0x${(number - 1 - head).toString(16)}`]);
    await rpc("anvil_setNextBlockBaseFeePerGas", [`0x${block.baseFeePerGas.toString(16)}`]);
    const hash = await rpc("eth_sendRawTransaction", [raw]);
    await rpc("evm_mine", []);
    head = number;
    outcomes.push(outcomeOf((await rpc("eth_getTransactionReceipt", [hash])) as RpcReceipt));
  }
  const hashes = await blockHashes(rpc, head);
  const ours = (text: Hex): Hex =>
    hashes.reduce(
      (known, hash, number) =>
        known.replaceAll(hash.slice(2), (recording.hashes[number] as Hex).slice(2)) as Hex,
      text,
    );
  return {
    outcomes: outcomes.map((outcome) => ({
      ...outcome,
      logs: outcome.logs.map((log) => ({ ...log, data: ours(log.data) })),
    })),
    codeHash: async (address) => {
      const proof = (await rpc("eth_getProof", [address, [], "latest"])) as { codeHash: Hex };
      return proof.codeHash;
    },
    word: async (address, slot) => ours((await rpc("eth_getStorageAt", [address, slot, "latest"])) as Hex),
    async close() {
      const ended = new Promise((done) => anvil.once("close", done));
      anvil.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

async function addressOf(anvil: ChildProcess): Promise<string> {
  return new Promise((done, fail) => {
    anvil.once("error", fail);
    anvil.once("close", (code) =>
      fail(new Error(`anvil: expected a running chain, actual exit code ${code}`)),
    );
    // It prints every call, too: reading on keeps its pipe from filling up.
    createInterface({ input: anvil.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const address = /^Listening on (127\.0\.0\.1:\d+)$/.exec(line)?.[1];
      if (address !== undefined) done(`http://${address}`);
    });
  });
}

function rpcAt(url: string): Rpc {
  return async (method, params = []) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const { result, error } = (await answer.json()) as { result?: unknown; error?: { message: string } };
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  };
}

async function blockHashes(rpc: Rpc, head: number): Promise<Hex[]> {
  const hashes: Hex[] = [];
  for (let number = 0; number <= head; number += 1) {
    const block = (await rpc("eth_getBlockByNumber", [`0x${number.toString(16)}`, false])) as { hash: Hex };
    hashes.push(block.hash);
  }
  return hashes;
}
