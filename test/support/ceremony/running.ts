/** A ceremony's log with its organiser and participants, without files: statements and entries alone. */
import { SigningKey, Wallet } from "ethers";
import { fileSizes, readDefinition } from "../../../ceremony/running/definition.ts";
import type { Definition } from "../../../ceremony/running/definition.ts";
import { entryHash, joinDigest, responseDigest } from "../../../ceremony/running/entries.ts";
import type {
  Entry,
  EntryBody,
  FileHashes,
  JoinStatement,
  ResponseStatement,
} from "../../../ceremony/running/entries.ts";
import { CeremonyLog } from "../../../ceremony/running/log.ts";
import type { LogCode } from "../../../ceremony/running/log.ts";
import { noCommittee } from "../../../ceremony/running/queue.ts";
import type { CeremonyState, Ports } from "../../../ceremony/running/queue.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { Result } from "../../../storage/core/result.ts";

export type Party = { readonly key: SigningKey; readonly address: Hex };

/** @param number another one is another account */
export function party(number: number): Party {
  const secret = `0x${number.toString(16).padStart(64, "0")}`;
  return { key: new SigningKey(secret), address: new Wallet(secret).address.toLowerCase() as Hex };
}

export const organiser = party(1000);

export function definitionOf(changes: Partial<Definition> = {}): Definition {
  const read = readDefinition({
    format: "whitepay-ceremony/1",
    title: "Test ceremony",
    kind: "powers-of-tau",
    curve: "bn254",
    power: 2,
    depth: "points",
    organiser: organiser.address,
    slot_s: 100,
    participants: "open",
    maxParticipants: 5,
    maxSlots: 2,
    command: ["contribute", "{challenge}", "{response}"],
    ...changes,
  });
  if (!read.ok) throw new Error(read.detail);
  return read.value;
}

const signed = ({ key }: Party, digest: Hex): Hex => key.sign(digest).serialized as Hex;

/** Hashes that stand for a file: different for each text. */
export function hashesOf(bytes: number, text: string): FileHashes {
  const digits = Buffer.from(text).toString("hex").padEnd(128, "0").slice(0, 128);
  const short: Hex = `0x${digits.slice(0, 64)}`;
  return { bytes, blake2b: `0x${digits}`, sha256: short, root: short };
}

export class LogScene {
  readonly log: CeremonyLog;
  readonly sizes: { readonly challenge: number; readonly response: number };
  time_s = 1_000;

  constructor(definition = definitionOf(), ports: Ports = noCommittee) {
    this.log = new CeremonyLog(definition, ports);
    this.sizes = fileSizes(definition);
  }

  get state(): CeremonyState {
    return this.log.state;
  }

  entry(body: EntryBody, author: Party = organiser): Entry {
    const draft = this.log.draft(body, this.time_s);
    return { ...draft, signature: signed(author, entryHash(this.state.ceremony, draft)) };
  }

  add(body: EntryBody): Result<CeremonyState, LogCode> {
    return this.log.add(this.entry(body));
  }

  /** @throws if the log refuses it */
  must(body: EntryBody): void {
    const added = this.add(body);
    if (!added.ok) throw new Error(`${body.type}: ${added.code}: ${added.detail}`);
  }

  open(): this {
    this.must({ type: "opened", challenge: hashesOf(this.sizes.challenge, "challenge 1") });
    return this;
  }

  joins(who: Party, turn = 0, changes: Partial<JoinStatement> = {}): JoinStatement {
    const statement = {
      type: "join" as const,
      participant: who.address,
      name: "somebody",
      turn,
      seen: this.log.head,
      ...changes,
    };
    return { ...statement, signature: signed(who, joinDigest(this.state.ceremony, statement)) };
  }

  slot(who: Party): EntryBody {
    return { type: "slot", participant: who.address, index: this.state.contributions.length + 1 };
  }

  response(who: Party, changes: Partial<ResponseStatement> = {}): ResponseStatement {
    const index = this.state.contributions.length + 1;
    const statement = {
      type: "submitted" as const,
      index,
      participant: who.address,
      challenge: this.state.challenge?.root as Hex,
      response: hashesOf(this.sizes.response, `response ${index}`),
      seen: this.log.head,
      ...changes,
    };
    return { ...statement, signature: signed(who, responseDigest(this.state.ceremony, statement)) };
  }

  accepted(): EntryBody {
    const index = this.state.contributions.length + 1;
    const challenge = hashesOf(this.sizes.challenge, `challenge ${index + 1}`);
    return { type: "accepted", index, checks: { chain: true }, challenge };
  }

  /** Joins, gets the slot, and contributes. */
  contribute(who: Party): this {
    this.must(this.joins(who));
    this.must(this.slot(who));
    this.must(this.response(who));
    this.must(this.accepted());
    return this;
  }
}
