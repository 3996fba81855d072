/** Typed reads of one group at a given block: pages of the Lens, and the group's own views (R35). */
import { ZeroAddress, type Provider, type Result } from "ethers";
import { groupAbi, lensAbi } from "./abi.ts";
import { callView, type BlockTag } from "./view-call.ts";

export type { BlockTag } from "./view-call.ts";

/** A group, and the Lens contract through which it is read. */
export type GroupAt = { readonly address: string; readonly lens: string };

/** Fixed for a group's life (R4). */
export type GroupConfig = {
  /** Zero: the chain's coin. */
  readonly token: string;
  /** Blocks that stay funded. */
  readonly lockup: number;
  /** The keepers' share of every amount, in 1/10000. */
  readonly keeperShareBps: number;
  /** Token units per reserved provider and 65,536 blocks; may be 0. */
  readonly keeperFee: bigint;
};

/** A group's service by one committee (R38). */
export type Service = {
  readonly committee: string;
  /** The group's number in that committee. */
  readonly number: number;
  /** Reserved providers. */
  readonly ceiling: number;
  /** First block. */
  readonly from: number;
};

/** Blocks; undefined where there is none. */
export type GroupState = {
  /** Every block before it is settled, credited, or had no provider. */
  readonly settledThrough: number;
  readonly service: Service | undefined;
  /** The service that begins at `next.from`, in a move. */
  readonly next: Service | undefined;
  /** Block at which the present service ends by a move, a release or a terminate. */
  readonly left: number | undefined;
  /** First block after a terminate in which nothing is committed any more. */
  readonly endBlock: number | undefined;
  /** Terminated, and settled through endBlock. */
  readonly ended: boolean;
  /** Providers that are not closed. */
  readonly listed: number;
  /** All indices ever given. */
  readonly providerCount: number;
  /** A block not before the one in which settledThrough last moved, if a later certificate was there already (R34 b). */
  readonly movedAt: number | undefined;
  /** Block since which something is owed without a break. */
  readonly arrearsSince: number | undefined;
};

/** Token units; deposited = paidOut + available + credits. */
export type Escrow = {
  readonly deposited: bigint;
  readonly paidOut: bigint;
  /** Belongs to the payer as far as it is not required. */
  readonly available: bigint;
  /** Credited to providers and keepers, and not withdrawn. */
  readonly credits: bigint;
  /** Owed to providers, net of the keepers' share. */
  readonly providerArrears: bigint;
  /** Owed to members of committee versions. */
  readonly keeperArrears: bigint;
  /** R32, arrears included; after the end the arrears alone. */
  readonly required: bigint;
  /** max(0, available − required). */
  readonly withdrawable: bigint;
};

export type GroupPage = {
  readonly address: string;
  readonly payer: string;
  /** Block of the creation. */
  readonly createdAt: number;
  readonly config: GroupConfig;
  readonly state: GroupState;
  readonly escrow: Escrow;
};

/** A provider's data from a block on (R33); 0 bytes: it has left. */
export type DataChange = {
  readonly from: number;
  readonly bytes: bigint;
  /** Token units per 2^64 byte·blocks. */
  readonly price: bigint;
  readonly listRoot: string;
  readonly receiptKey: string;
  /** Sequence of the consent. */
  readonly sequence: number;
};

export type ProviderAccount = {
  readonly index: number;
  readonly operator: string;
  readonly payee: string;
  /** It has left and is settled through its last block. */
  readonly closed: boolean;
  readonly activeFrom: number;
  /** First block that it is not committed to any more; undefined if nobody gave notice. */
  readonly leavesAt: number | undefined;
  readonly noticeByPayer: boolean;
  readonly noticeByProvider: boolean;
  /** Token units that it may withdraw. */
  readonly credit: bigint;
  /** Owed to it beyond that. */
  readonly arrears: bigint;
  /** Part that it proved of its last settled interval (R34): space-time paid and committed; 1 and 1 if it proved all, and before. */
  readonly proven: { readonly paid: bigint; readonly committed: bigint };
  readonly unsettledChanges: number;
  /** In force at settledThrough, and every change from then on, its leaving last. */
  readonly data: readonly DataChange[];
};

/** Providers in one call: a page's gas and bytes stay within what endpoints accept. */
const providersAtOnce = 32;

const ofZero = (block: bigint): number | undefined => (block === 0n ? undefined : Number(block));

function serviceOf({ committee, number, ceiling, from }: Result): Service | undefined {
  if (committee === ZeroAddress) return undefined;
  return { committee, number: Number(number), ceiling: Number(ceiling), from: Number(from) };
}

function stateOf(state: Result): GroupState {
  return {
    settledThrough: Number(state.settledThrough),
    service: serviceOf(state.service),
    next: serviceOf(state.next),
    left: ofZero(state.left),
    endBlock: ofZero(state.endBlock),
    ended: state.ended,
    listed: Number(state.listed),
    providerCount: Number(state.providerCount),
    movedAt: ofZero(state.movedAt),
    arrearsSince: ofZero(state.arrearsSince),
  };
}

function escrowOf(escrow: Result): Escrow {
  const { deposited, paidOut, available, providerArrears, keeperArrears, required } =
    escrow as unknown as Omit<Escrow, "credits" | "withdrawable">;
  const withdrawable = available > required ? available - required : 0n;
  const credits = deposited - paidOut - available;
  return { deposited, paidOut, available, credits, providerArrears, keeperArrears, required, withdrawable };
}

function dataChange({ from, size, price, root, receiptKey, sequence }: Result): DataChange {
  return {
    from: Number(from),
    bytes: size,
    price,
    listRoot: root,
    receiptKey,
    sequence: Number(sequence),
  };
}

function accountOf({ index, payee, provider, data }: Result): ProviderAccount {
  return {
    index: Number(index),
    operator: provider.operator,
    payee,
    closed: provider.closed,
    activeFrom: Number(provider.activeFrom),
    leavesAt: ofZero(provider.leavesAt),
    noticeByPayer: provider.noticeByPayer,
    noticeByProvider: provider.noticeByProvider,
    credit: provider.credit,
    arrears: provider.arrears,
    proven: { paid: provider.paidSpaceTime, committed: provider.committedSpaceTime },
    unsettledChanges: Number(provider.unsettledChanges),
    data: [...data].map(dataChange),
  };
}

/** The data in force in a block; undefined if nothing is committed in it. */
export function dataAt(data: readonly DataChange[], block: number): DataChange | undefined {
  const found = data.findLast(({ from }) => from <= block);
  return found === undefined || found.bytes === 0n ? undefined : found;
}

export class GroupView {
  readonly address: string;
  readonly lens: string;
  readonly provider: Provider;

  constructor(provider: Provider, { address, lens }: GroupAt) {
    this.provider = provider;
    this.address = address;
    this.lens = lens;
  }

  /**
   * Calls any view of the group; for views without a method here.
   * @throws WhitePayError `input` if there is no contract at the address
   */
  read(name: string, args: readonly unknown[] = [], block: BlockTag = "latest"): Promise<Result> {
    return callView(this.provider, {
      what: "group",
      abi: groupAbi,
      address: this.address,
      name,
      args,
      block,
    });
  }

  #lens(name: string, args: readonly unknown[], block: BlockTag): Promise<Result> {
    const call = { what: "lens", abi: lensAbi, address: this.lens, name, block };
    return callView(this.provider, { ...call, args: [this.address, ...args] });
  }

  /** Payer, parameters, state and money in one call. */
  async page(block: BlockTag = "latest"): Promise<GroupPage> {
    const [{ payer, createdAt, config, state, escrow }] = await this.#lens("group", [], block);
    return {
      address: this.address,
      payer,
      createdAt: Number(createdAt),
      config: {
        token: config.token,
        lockup: Number(config.lockup),
        keeperShareBps: Number(config.keeperShareBps),
        keeperFee: config.keeperFee,
      },
      state: stateOf(state),
      escrow: escrowOf(escrow),
    };
  }

  /** Providers [from, from + count), closed ones included; cut at the end. */
  async providerPage(from: number, count: number, block: BlockTag = "latest"): Promise<ProviderAccount[]> {
    const [page] = await this.#lens("providers", [from, count], block);
    return [...page].map(accountOf);
  }

  /** All providers ever, in pages. */
  async providers(block: BlockTag = "latest"): Promise<ProviderAccount[]> {
    const all: ProviderAccount[] = [];
    for (;;) {
      const page = await this.providerPage(all.length, providersAtOnce, block);
      all.push(...page);
      if (page.length < providersAtOnce) return all;
    }
  }

  /** Space-time (byte·blocks) and value (× price) that a provider committed in [from, to), both at or after settledThrough. */
  async committed(
    provider: number,
    [from, to]: readonly [number, number],
    block: BlockTag = "latest",
  ): Promise<{ readonly spaceTime: bigint; readonly value: bigint }> {
    const [spaceTime, value] = await this.#lens("committed", [provider, from, to], block);
    return { spaceTime, value };
  }

  /** First block that the escrow does not pay for, at full proof; undefined if it never runs dry. */
  async fundedUntil(block: BlockTag = "latest"): Promise<number | undefined> {
    const [until] = (await this.#lens("fundedUntil", [], block)) as unknown as [bigint];
    return until > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(until);
  }

  /** The committee that serves the block in which a change made now takes effect (undefined: none), and that block. */
  async effectiveFrom(): Promise<{ readonly committee: string; readonly from: number }> {
    const [committee, from] = await this.read("effectiveFrom");
    return { committee, from: Number(from) };
  }

  async consentSequence(operator: string): Promise<number> {
    return Number((await this.read("consentSequence", [operator]))[0]);
  }

  /** Index of an operator's latest membership; undefined if it had none. */
  async providerOf(operator: string): Promise<number | undefined> {
    const [indexPlusOne] = (await this.read("providerOf", [operator])) as unknown as [bigint];
    return indexPlusOne === 0n ? undefined : Number(indexPlusOne) - 1;
  }

  /** What the member `index` of a committee version may withdraw. */
  async keeperBalance(committee: string, version: number, index: number): Promise<bigint> {
    return (await this.read("keeperBalance", [committee, version, index]))[0] as bigint;
  }

  /** What is owed to the members of a committee version. */
  async keeperArrears(committee: string, version: number): Promise<bigint> {
    return (await this.read("keeperArrears", [committee, version]))[0] as bigint;
  }
}
