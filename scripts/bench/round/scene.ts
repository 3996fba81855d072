/**
 * A committee with its groups, and the chain that it sees, at the time of one round: every provider stores the same piece and proved all of
 * it in every slot. The blocks that are no audit block have fixed hashes, so every process of a measurement can derive them.
 */
import { FileKeyring } from "../../../keeper/adapters/keyring-file.ts";
import { auditSeed, drawAudit } from "../../../keeper/core/stages/audit.ts";
import type { Block } from "../../../keeper/core/events.ts";
import type { CertifiedGroup } from "../../../protocol/certificate.ts";
import { seedPublicKey } from "../../../protocol/codec/seed.ts";
import type { CommitteeParams, CommitteeSnapshot, GroupEntry, Member } from "../../../protocol/committee.ts";
import { fromHex, keccakWords, toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { RoundKey } from "../../../protocol/messages.ts";
import { scopeOf } from "../../../protocol/scope.ts";
import type { PieceList } from "../../../storage/core/piece-list.ts";
import { pairKey, pairsWithProof, receiptKey } from "./records.ts";
import type { RecordScope } from "./records.ts";
import { noSuccession } from "../../../protocol/succession.ts";

export const chainId = 31_337;
export const committee: Hex = `0x${"c0".repeat(20)}`;
/** The shortest turn that R4 allows with one confirmation, and a slot of the same length. */
const turn = 30;
/** Blocks before the end of the interval in which keepers run already: they listen for a whole slot before they sign (D9). */
const listening = 48;

export type SceneSize = {
  readonly keepers: number;
  readonly groups: number;
  /** Of each group. */
  readonly providers: number;
  /** Slots of the interval. */
  readonly slots: number;
};

function groupAddress(number: number): Hex {
  return `0x${"67".repeat(16)}${number.toString(16).padStart(8, "0")}`;
}

function secret(kind: number, index: number): Hex {
  // The first byte is zero, so the secret is below the order of every curve in use.
  return `0x00${keccakWords(kind, index).slice(4)}`;
}

function blockHash(number: number, salt = 0): Hex {
  return keccakWords(0xb10c, number, salt);
}

export class RoundScene {
  readonly size: SceneSize;
  readonly params: CommitteeParams;
  /** End of the interval that the round certifies. */
  readonly te: number;
  readonly keyrings: readonly FileKeyring[];
  readonly scope: RecordScope;
  readonly snapshot: CommitteeSnapshot;
  readonly #list: PieceList;
  readonly #groups: readonly GroupEntry[];
  readonly #real: ReadonlySet<string>;
  /** The round of each audit block. */
  readonly #audits = new Map<number, RoundKey>();

  constructor(size: SceneSize, list: PieceList) {
    const { keepers, groups, providers, slots } = size;
    this.size = size;
    this.#list = list;
    this.te = slots * turn;
    this.params = {
      originBlock: 0,
      interval: this.te,
      turn,
      slot: turn,
      answer: 5,
      confirmations: 1,
      toleranceBps: 100,
    };
    const indices = Array.from({ length: keepers }, (_, index) => index);
    this.keyrings = indices.map((i) => new FileKeyring({ operator: secret(1, i), bls: secret(2, i) }));
    this.scope = {
      chainId,
      committee,
      operator: receiptKey,
      groups,
      providers,
      addressOf: groupAddress,
      slots: Array.from({ length: slots }, (_, slot) => slot),
      blockHashOf: (slot) => blockHash(slot * turn),
    };
    this.#real = new Set(pairsWithProof(this.scope).map(pairKey));
    this.#groups = groupsOf(size, this.te, list);
    const members = this.keyrings.map(({ operator }, i): Member => ({
      operator,
      blsKey: toHex(seedPublicKey(fromHex(secret(2, i)))),
    }));
    this.snapshot = {
      chainId,
      address: committee,
      block: 0,
      params: this.params,
      ts: 0,
      version: { version: 1, seed: keccakWords(3), members, resigned: [] },
      next: undefined,
      groups: this.#groups,
      scope: undefined,
      remembered: [],
      succession: noSuccession,
    };
  }

  /** The head with which keepers start. */
  get firstHead(): number {
    return this.te - listening;
  }

  /** The hash of an audit block is chosen such that the first leaf drawn has a proof. */
  block(number: number): Block {
    const round = this.#audits.get(number);
    if (round === undefined) return { number, hash: blockHash(number) };
    const { records } = scopeOf(this.params, 0, { te: this.te, groups: this.#groups });
    for (let salt = 0; ; salt++) {
      const hash = blockHash(number, salt);
      const [first] = drawAudit(auditSeed(committee, round.ts, round.turn, hash), records);
      if (first !== undefined && this.#real.has(pairKey(first))) return { number, hash };
    }
  }

  /** A leader named this block in its closed set. */
  audit(block: number, round: RoundKey): void {
    this.#audits.set(block, round);
  }

  /** R38: the scope of the turn, once the view reaches te. */
  changedBy(head: number): readonly CommitteeSnapshot[] {
    if (head !== this.te + this.params.confirmations) return [];
    return [{ ...this.snapshot, block: this.te, scope: { te: this.te, groups: this.#groups } }];
  }

  /** @throws Error unless these groups have every provider, each with all of its bytes over the whole interval */
  checkCertified(certified: readonly CertifiedGroup[]): void {
    const { keepers, groups, providers } = this.size;
    const items = certified.flatMap((group) => group.items);
    const whole = this.#list.totalBytes * BigInt(this.te);
    if (items.length === groups * providers && items.every((item) => item.spaceTime === whole)) return;
    throw new Error(
      `n = ${keepers}, ${groups} groups of ${providers}: the round did not certify what was recorded`,
    );
  }
}

/** Bytes are committed until the interval ends, so no challenge is due during the round. */
function groupsOf({ groups, providers }: SceneSize, te: number, list: PieceList): GroupEntry[] {
  const listRoot = toHex(list.root);
  const history = [
    { fromBlock: 0, bytes: list.totalBytes, price: 1n << 40n, listRoot, receiptKey },
    { fromBlock: te, bytes: 0n, price: 0n, listRoot, receiptKey },
  ];
  return Array.from({ length: groups }, (_, i) => ({
    number: i + 1,
    address: groupAddress(i + 1),
    entered: 0,
    left: undefined,
    settledThrough: 0,
    ceiling: providers,
    keeperFee: 0n,
    keeperShareBps: 1000,
    providers: Array.from({ length: providers }, (__, index) => {
      return { index, operator: receiptKey, history: history.map((point) => ({ ...point })) };
    }),
  }));
}
