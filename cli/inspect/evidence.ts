/** `whitepay inspect evidence`: pairs of contradicting messages that one keeper signed. */
import { join } from "node:path";
import type { Command } from "commander";
import { LevelStore, StoreError } from "../../keeper/adapters/store-level.ts";
import { decodeMessage } from "../../protocol/codec/message.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
import { toHex } from "../../protocol/hash.ts";
import type { EvidencePair } from "../../keeper/ports/store.ts";
import { usageError } from "../console/exit.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { jsonFlag } from "../console/options.ts";

export function register(inspect: Command): void {
  inspect
    .command("evidence")
    .description("print pairs of contradicting signed messages from the store of a keeper that received them")
    .requiredOption("--data-dir <dir>", "the keeper's data folder; the keeper must not be running")
    .option(...jsonFlag)
    .action((options: { dataDir: string; json?: true }) => inspectEvidence(options));
}

type Side = { readonly kind: string; readonly bytes: string; readonly message: Envelope | undefined };

function side(bytes: Uint8Array): Side {
  const decoded = decodeMessage(bytes);
  const message = decoded.ok ? decoded.value : undefined;
  return { kind: message?.body.kind ?? "undecodable", bytes: toHex(bytes), message };
}

type Row = {
  committee: string;
  keeper: number | undefined;
  kind: string;
  ts: number | undefined;
  turn: number | undefined;
  first: string;
  second: string;
};

function row(pair: EvidencePair): Row {
  const first = side(pair.first);
  const second = side(pair.second);
  const body = first.message?.body;
  const round = body !== undefined && "round" in body ? body.round : undefined;
  return {
    committee: pair.committee,
    keeper: first.message?.keeper,
    kind: first.kind,
    ts: round?.ts,
    turn: round?.turn,
    first: first.bytes,
    second: second.bytes,
  };
}

async function inspectEvidence(options: { dataDir: string; json?: true }): Promise<void> {
  let store: LevelStore;
  try {
    store = await LevelStore.openExisting(join(options.dataDir, "store"));
  } catch (error) {
    if (error instanceof StoreError) throw usageError(error.message);
    throw error;
  }
  try {
    const rows = (await store.evidence()).map(row);
    if (options.json) return printJson({ evidence: rows });
    if (rows.length === 0) return say("no evidence: this keeper received no contradicting messages");
    for (const r of rows) {
      const { keeper, kind, committee, ts, turn } = r;
      printLine(`keeper ${keeper} signed two different ${kind} messages for one round`);
      printLine(`  committee ${committee}, ts ${ts}, turn ${turn}`);
      printLine(`  first  ${r.first}`);
      printLine(`  second ${r.second}`);
    }
  } finally {
    await store.close();
  }
}
