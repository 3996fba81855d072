/** Typed reads of one committee at a given block: pages of the Lens, and the committee's own views (R35, R37, R38). */
import { ZeroAddress, type Provider, type Result } from "ethers";
import { bitIndices } from "../protocol/bitmap.ts";
import { committeeAbi, lensAbi } from "./abi.ts";
import { memberKeys } from "./member-keys.ts";
import { callView, type BlockTag } from "./view-call.ts";
import { eventPages } from "./watch.ts";

/** A committee, and the Lens contract through which it is read. */
export type CommitteeAt = { readonly address: string; readonly lens: string };

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
  /** The highest version proposed. */
  readonly lastVersion: number;
};

const ofZero = (block: bigint): number | undefined => (block === 0n ? undefined : Number(block));
/** Entries in one call of the Lens: its answer stays within what endpoints accept. */
const membershipsAtOnce = 200;
const versionsAtOnce = 16;

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

function versionOf(info: Result, operators: Result): CommitteeVersion {
  return {
    version: Number(info.version),
    base: Number(info.base),
    proposer: info.proposer,
    completedAt: ofZero(info.completedAt),
    effectiveFrom: ofZero(info.effectiveFrom),
    retiredFrom: ofZero(info.retiredFrom),
    seed: info.seed,
    consented: bitIndices(info.consented),
    operators: [...operators] as string[],
  };
}

/** The committee's own views: they need no Lens. */
export class CommitteeReader {
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

  async rhythm(): Promise<Rhythm> {
    return rhythmOf(await this.#one("rhythm"));
  }

  async terms(): Promise<Terms> {
    return termsOf(await this.#one("terms"));
  }

  async convener(): Promise<string> {
    return (await this.read("convener"))[0] as string;
  }

  /** The version in force; before the committee is formed the first one, which waits for consents. */
  async present(block: BlockTag = "latest"): Promise<CommitteeVersion> {
    return this.version(Math.max(1, Number(await this.#one("currentVersion", [], block))), block);
  }

  async certifiedThrough(block: BlockTag = "latest"): Promise<number> {
    return Number(await this.#one("certifiedThrough", [], block));
  }

  /** Any version: past, present, complete or proposed. */
  async version(version: number, block: BlockTag = "latest"): Promise<CommitteeVersion> {
    const [info, operators] = await Promise.all([
      this.#one("versionInfo", [version], block),
      this.#one("operatorsOf", [version], block),
    ]);
    return versionOf(info, operators);
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

  async membership(number: number, block: BlockTag = "latest"): Promise<Membership> {
    return membershipOf(number, await this.#one("membership", [number], block));
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

function membershipOf(number: number, { group, ceiling, entered, left }: Result): Membership {
  return { number, group, ceiling: Number(ceiling), entered: Number(entered), left: ofZero(left) };
}

export class CommitteeView extends CommitteeReader {
  readonly lens: string;

  constructor(provider: Provider, { address, lens }: CommitteeAt) {
    super(provider, address);
    this.lens = lens;
  }

  async #lens(name: string, args: readonly unknown[], block: BlockTag): Promise<Result> {
    const call = { what: "lens", abi: lensAbi, address: this.lens, name, block };
    return (await callView(this.provider, { ...call, args: [this.address, ...args] }))[0] as Result;
  }

  /** Everything but memberships and certificates. */
  async page(block: BlockTag = "latest"): Promise<CommitteePage> {
    const page = await this.#lens("committee", [], block);
    const complete = ofZero(page.complete);
    const [version, waiting] = await Promise.all([
      this.version(Math.max(1, Number(page.currentVersion)), block),
      complete === undefined ? undefined : this.version(complete, block),
    ]);
    return {
      address: this.address,
      convener: page.convener,
      rhythm: rhythmOf(page.rhythm),
      terms: termsOf(page.terms),
      size: Number(page.n),
      originBlock: ofZero(page.originBlock),
      certifiedThrough: Number(page.certifiedThrough),
      version,
      waiting,
      rotation: ofZero(page.rotated),
      resigned: bitIndices(page.resigned),
      reserved: Number(page.reserved),
      lastNumber: Number(page.lastNumber),
      lastVersion: Number(page.lastVersion),
    };
  }

  /** All versions from `from` on in their order, in pages: past, present, complete and proposed. */
  async *versions(block: BlockTag = "latest", from = 1): AsyncGenerator<CommitteeVersion[], void, undefined> {
    for (let first = from; ; first += versionsAtOnce) {
      const page = [...(await this.#lens("versions", [first, versionsAtOnce], block))] as Result[];
      if (page.length > 0) yield page.map(({ version, operators }) => versionOf(version, operators));
      if (page.length < versionsAtOnce) return;
    }
  }

  /** Memberships in the order of their numbers, in pages; past ones included. */
  async *memberships(block: BlockTag = "latest"): AsyncGenerator<Membership[], void, undefined> {
    for (let first = 1; ; first += membershipsAtOnce) {
      const page = [...(await this.#lens("memberships", [first, membershipsAtOnce], block))] as Result[];
      if (page.length > 0) {
        yield page.map(({ number, membership }) => membershipOf(Number(number), membership));
      }
      if (page.length < membershipsAtOnce) return;
    }
  }
}
