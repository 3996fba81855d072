/** Typed reads of one committee at a given block (R35, R37, R38). */
import { ZeroAddress, type Provider, type Result } from "ethers";
import { bitIndices } from "../protocol/bitmap.ts";
import { committeeAbi } from "./abi.ts";
import { memberKeys } from "./member-keys.ts";
import { callView, type BlockTag } from "./view-call.ts";
import { eventPages } from "./watch.ts";

/** Fixed for a committee's life, in blocks (R4). */
export type Rhythm = {
  readonly interval: number;
  readonly turn: number;
  readonly slot: number;
  /** Blocks that a provider has to answer. */
  readonly answer: number;
  readonly confirmations: number;
  /** Largest distance of revealed values, in 1/10000. */
  readonly toleranceBps: number;
};

/** What a group must meet to enter (R38). */
export type Terms = {
  /** Zero: the chain's coin. */
  readonly token: string;
  readonly leastKeeperFee: bigint;
  readonly leastKeeperShareBps: number;
  /** Most providers that all groups together may reserve. */
  readonly mostProviders: number;
  /** True: any group that meets the terms enters; false: the convener lets each one in. */
  readonly open: boolean;
};

export type CommitteeVersion = {
  readonly version: number;
  /** Version with which the members took effect on whose seats it was proposed; 0 for the first. */
  readonly base: number;
  readonly proposer: string;
  /** Block of the last consent that it needed; undefined while one is missing. */
  readonly completedAt: number | undefined;
  readonly effectiveFrom: number | undefined;
  readonly retiredFrom: number | undefined;
  readonly seed: string;
  /** Seats whose operators consented. */
  readonly consented: readonly number[];
  /** In contract order. */
  readonly operators: readonly string[];
};

export type CommitteeMember = { readonly index: number; readonly operator: string; readonly blsKey: string };

/** A group in a committee; its blocks are [entered, left). */
export type Membership = {
  readonly number: number;
  readonly group: string;
  readonly ceiling: number;
  readonly entered: number;
  readonly left: number | undefined;
};

/** A certificate that is open for `settle` (R29). */
export type RememberedCertificate = {
  readonly ts: number;
  readonly te: number;
  readonly acceptedAt: number;
  readonly transaction: string;
  /** Groups in scope. */
  readonly count: number;
};

export type CommitteePage = {
  readonly address: string;
  readonly convener: string;
  readonly rhythm: Rhythm;
  readonly terms: Terms;
  /** n = 3f+1. */
  readonly size: number;
  /** Undefined while a consent is missing. */
  readonly originBlock: number | undefined;
  readonly certifiedThrough: number;
  /** The version in force; before the committee is formed the first one, which waits for consents. */
  readonly version: CommitteeVersion;
  /** Complete, and waiting for the next certificate. */
  readonly waiting: CommitteeVersion | undefined;
  /** Number of a key rotation that waits. */
  readonly rotation: number | undefined;
  /** Seats of the version in force that resigned. */
  readonly resigned: readonly number[];
  /** Providers that the groups have reserved. */
  readonly reserved: number;
  /** The highest group number given. */
  readonly lastNumber: number;
};

const ofZero = (block: bigint): number | undefined => (block === 0n ? undefined : Number(block));
const membershipsAtOnce = 64;

function rhythmOf({ interval, turn, slot, answer, confirmations, toleranceBps }: Result): Rhythm {
  return {
    interval: Number(interval),
    turn: Number(turn),
    slot: Number(slot),
    answer: Number(answer),
    confirmations: Number(confirmations),
    toleranceBps: Number(toleranceBps),
  };
}

function termsOf({ token, leastKeeperFee, leastKeeperShareBps, mostProviders, open }: Result): Terms {
  return {
    token,
    leastKeeperFee,
    leastKeeperShareBps: Number(leastKeeperShareBps),
    mostProviders: Number(mostProviders),
    open,
  };
}

export class CommitteeView {
  readonly address: string;
  readonly provider: Provider;

  constructor(provider: Provider, address: string) {
    this.provider = provider;
    this.address = address;
  }

  /** @throws WhitePayError `input` if there is no contract at the address */
  read(name: string, args: readonly unknown[] = [], block: BlockTag = "latest"): Promise<Result> {
    const call = { what: "committee", abi: committeeAbi, address: this.address };
    return callView(this.provider, { ...call, name, args, block });
  }

  async #one(name: string, args: readonly unknown[] = [], block: BlockTag = "latest"): Promise<Result> {
    return (await this.read(name, args, block))[0] as Result;
  }

  async #number(name: string, block: BlockTag): Promise<number> {
    return Number(await this.#one(name, [], block));
  }

  async rhythm(): Promise<Rhythm> {
    return rhythmOf(await this.#one("rhythm"));
  }

  async terms(): Promise<Terms> {
    return termsOf(await this.#one("terms"));
  }

  certifiedThrough(block: BlockTag = "latest"): Promise<number> {
    return this.#number("certifiedThrough", block);
  }

  /** Any version: past, present, complete or proposed. */
  async version(version: number, block: BlockTag = "latest"): Promise<CommitteeVersion> {
    const [info, operators] = await Promise.all([
      this.#one("versionInfo", [version], block),
      this.#one("operatorsOf", [version], block),
    ]);
    return {
      version,
      base: Number(info.base),
      proposer: info.proposer,
      completedAt: ofZero(info.completedAt),
      effectiveFrom: ofZero(info.effectiveFrom),
      retiredFrom: ofZero(info.retiredFrom),
      seed: info.seed,
      consented: bitIndices(info.consented),
      operators: [...operators],
    };
  }

  /** Members of a version with their keys in it; it must be complete, or the first one. */
  async members(version: number, block: BlockTag = "latest"): Promise<CommitteeMember[]> {
    const [{ keysBlob }, operators] = await Promise.all([
      this.#one("versionInfo", [version], block),
      this.#one("operatorsOf", [version], block),
    ]);
    const holder: string = keysBlob === ZeroAddress ? this.address : keysBlob;
    const keys = await memberKeys(this.provider, { committee: this.address, holder, size: operators.length });
    return [...operators].map((operator, index) => ({ index, operator, blsKey: keys[index] as string }));
  }

  /** Everything but memberships and certificates. */
  async page(block: BlockTag = "latest"): Promise<CommitteePage> {
    const [rhythm, terms, convener, size, origin, certifiedThrough, current, waiting] = await Promise.all([
      this.#one("rhythm", [], block),
      this.#one("terms", [], block),
      this.#one("convener", [], block),
      this.#number("size", block),
      this.#number("originBlock", block),
      this.#number("certifiedThrough", block),
      this.#number("currentVersion", block),
      this.read("waiting", [], block),
    ]);
    const complete = Number(waiting["complete"]);
    const [version, next, resigned, reserved, lastNumber] = await Promise.all([
      this.version(Math.max(1, current), block),
      complete === 0 ? undefined : this.version(complete, block),
      this.#one("resigned", [], block),
      this.#number("reserved", block),
      this.#number("lastNumber", block),
    ]);
    return {
      address: this.address,
      convener: String(convener),
      rhythm: rhythmOf(rhythm),
      terms: termsOf(terms),
      size,
      originBlock: origin === 0 ? undefined : origin,
      certifiedThrough,
      version,
      waiting: next,
      rotation: ofZero(waiting["rotated"]),
      resigned: bitIndices(BigInt(String(resigned))),
      reserved,
      lastNumber,
    };
  }

  async membership(number: number, block: BlockTag = "latest"): Promise<Membership> {
    const { group, ceiling, entered, left } = await this.#one("membership", [number], block);
    return { number, group, ceiling: Number(ceiling), entered: Number(entered), left: ofZero(left) };
  }

  /** Memberships in the order of their numbers, in pages of at most 64; past ones included. */
  async *memberships(block: BlockTag = "latest"): AsyncGenerator<Membership[], void, undefined> {
    const last = await this.#number("lastNumber", block);
    for (let first = 1; first <= last; first += membershipsAtOnce) {
      const count = Math.min(membershipsAtOnce, last - first + 1);
      const numbers = Array.from({ length: count }, (_, i) => first + i);
      yield await Promise.all(numbers.map((number) => this.membership(number, block)));
    }
  }

  /** Certificates accepted in blocks [from, to] that are remembered for `settle`, oldest first. */
  async remembered({
    from,
    to,
  }: {
    readonly from: number;
    readonly to: number;
  }): Promise<RememberedCertificate[]> {
    const found: RememberedCertificate[] = [];
    for await (const { events } of eventPages(this.provider, this.address, { from, to, abi: committeeAbi })) {
      for (const { name, args, block, transaction } of events) {
        if (name !== "Certified" || args["remembered"] !== true) continue;
        const [ts, te, count] = [args["ts"], args["te"], args["count"]].map(Number) as [
          number,
          number,
          number,
        ];
        found.push({ ts, te, acceptedAt: block, transaction, count });
      }
    }
    return found;
  }

  /** First slot boundary at or after a block. */
  async firstSlotFrom(block: number): Promise<number> {
    return Number(await this.#one("firstSlotFrom", [block]));
  }
}
