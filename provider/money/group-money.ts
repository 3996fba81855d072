/** What the chain says now about the money between a group and this provider. */
import { Interface } from "ethers";
import { call } from "../../daemon/chain/calls.ts";
import type { Ask } from "../../daemon/chain/calls.ts";
import { askToken } from "../../daemon/chain/token.ts";
import type { Token } from "../../daemon/chain/token.ts";
import * as abi from "../../protocol/abi.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { OwnSeat } from "../chain-reads.ts";
import { comingOf } from "./payments.ts";

const groupAbi = new Interface(abi.groupAbi);
const lensAbi = new Interface(abi.lensAbi);

export type GroupMoney = {
  readonly payer: Hex;
  readonly token: Token;
  readonly createdAt: number;
  readonly settledThrough: number;
  /** The payer ended the group. */
  readonly ends: boolean;
  /** Token units that this provider may withdraw, and those owed to it beyond. */
  readonly credit: bigint;
  readonly arrears: bigint;
  /** Earned since settledThrough and not settled yet, as far as it can be told. */
  readonly coming: bigint;
  /** First block that the escrow does not pay for; undefined: it never runs dry, or no Lens is configured. */
  readonly fundedUntil: number | undefined;
  readonly isFundingKnown: boolean;
  /** The payer can withdraw no money for the blocks before this one; undefined: the reserve is not whole (R32). */
  readonly reservedUntil: number | undefined;
};

const lower = (text: unknown): Hex => String(text).toLowerCase() as Hex;

export class GroupMoneyReads {
  readonly #ask: Ask;
  readonly #lens: Hex | undefined;
  readonly #tokens = new Map<Hex, Token>();

  constructor(ask: Ask, lens: Hex | undefined) {
    this.#ask = ask;
    this.#lens = lens;
  }

  async #view(to: Hex, name: string, args: readonly unknown[] = [], contract = groupAbi): Promise<unknown> {
    return (await call(this.#ask, contract, to, name, args, "latest"))[0];
  }

  async #token(address: Hex): Promise<Token> {
    const known = this.#tokens.get(address);
    if (known !== undefined) return known;
    const token = await askToken(this.#ask, address);
    this.#tokens.set(address, token);
    return token;
  }

  async #fundedUntil(group: Hex): Promise<number | undefined> {
    if (this.#lens === undefined) return undefined;
    const block = (await this.#view(this.#lens, "fundedUntil", [group], lensAbi)) as bigint;
    return block > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(block);
  }

  /** @param own undefined: this provider is not in the group now */
  async read(group: Hex, own: OwnSeat | undefined, head: number): Promise<GroupMoney> {
    const [payer, config, state, escrow, createdAt, fundedUntil, account] = (await Promise.all([
      this.#view(group, "payer"),
      this.#view(group, "config"),
      this.#view(group, "state"),
      this.#view(group, "escrow"),
      this.#view(group, "createdAt"),
      this.#fundedUntil(group),
      own === undefined ? undefined : this.#view(group, "provider", [own.provider]),
    ])) as [string, Config, State, Escrow, bigint, number | undefined, Account | undefined];
    const settledThrough = Number(state.settledThrough);
    const lockup = Number(config.lockup);
    const isReserved = escrow.available >= escrow.required;
    return {
      payer: lower(payer),
      token: await this.#token(lower(config.token)),
      createdAt: Number(createdAt),
      settledThrough,
      ends: state.ended || state.endBlock !== 0n,
      credit: account?.credit ?? 0n,
      arrears: account?.arrears ?? 0n,
      coming:
        own === undefined || account === undefined || account.closed
          ? 0n
          : comingOf({
              settledThrough,
              head,
              leavesAt: own.leavesAt,
              keeperShareBps: Number(config.keeperShareBps),
              data: own.data,
              paid: account.paidSpaceTime,
              committed: account.committedSpaceTime,
            }),
      fundedUntil,
      isFundingKnown: this.#lens !== undefined,
      reservedUntil: isReserved ? Math.min(head + lockup, fundedUntil ?? head + lockup) : undefined,
    };
  }
}

type Config = { readonly token: string; readonly lockup: bigint; readonly keeperShareBps: bigint };
type State = { readonly settledThrough: bigint; readonly endBlock: bigint; readonly ended: boolean };
type Escrow = { readonly available: bigint; readonly required: bigint };
type Account = {
  readonly closed: boolean;
  readonly credit: bigint;
  readonly arrears: bigint;
  readonly paidSpaceTime: bigint;
  readonly committedSpaceTime: bigint;
};
