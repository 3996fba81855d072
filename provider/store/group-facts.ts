/** What the chain says about a group whose payer asks to store data, and about signatures of payers that are contracts. */
import { Interface } from "ethers";
import { call } from "../../daemon/chain/calls.ts";
import type { Ask } from "../../daemon/chain/calls.ts";
import * as abi from "../../protocol/abi.ts";
import { storeSigner } from "../../protocol/codec/store-request.ts";
import type { GroupBirth } from "../../protocol/codec/store-request.ts";
import { isAccepted, signatureCall } from "../../protocol/contract-signature.ts";
import { fromHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { peerIdText } from "../chain-reads.ts";

const groupAbi = new Interface(abi.groupAbi);
const registryAbi = new Interface(abi.registryAbi);
const factoryAbi = new Interface(abi.factoryAbi);
const tokenAbi = new Interface(abi.tokenAbi);

const coin: Hex = `0x${"00".repeat(20)}`;
const noContract = coin;

export type GroupFacts = {
  /** Undefined: it is not made yet, and the payer who makes it is the one whose address is part of its own. */
  readonly payer: Hex | undefined;
  readonly token: Hex;
  /** Blocks. */
  readonly lockup: number;
  readonly keeperShareBps: number;
  readonly available: bigint;
  /** R32; 0 before the group is made. */
  readonly required: bigint;
  /** Committees that serve it now or next. */
  readonly committees: readonly Hex[];
  /** The payer ended it, or it is over. */
  readonly ends: boolean;
};

export type Source = { readonly peerId: string; readonly addrs: readonly string[] };

const lower = (text: unknown): Hex => String(text).toLowerCase() as Hex;

export class GroupReads {
  readonly #ask: Ask;
  readonly #registry: Hex;

  constructor(ask: Ask, registry: Hex) {
    this.#ask = ask;
    this.#registry = registry;
  }

  async #view(contract: Interface, to: Hex, name: string, args: readonly unknown[]): Promise<unknown> {
    return (await call(this.#ask, contract, to, name, args, "latest"))[0];
  }

  /** Undefined unless one of the factories made the group. */
  async group(group: Hex, factories: readonly Hex[]): Promise<GroupFacts | undefined> {
    if (!(await this.#isMade(group, factories))) return undefined;
    const [payer, settings, state, escrow] = await Promise.all([
      this.#view(groupAbi, group, "payer", []),
      this.#view(groupAbi, group, "config", []),
      this.#view(groupAbi, group, "state", []),
      this.#view(groupAbi, group, "escrow", []),
    ]);
    const { token, lockup, keeperShareBps } = settings as {
      token: string;
      lockup: bigint;
      keeperShareBps: bigint;
    };
    const { available, required } = escrow as { available: bigint; required: bigint };
    const { service, next, endBlock, ended } = state as {
      service: { committee: string };
      next: { committee: string };
      endBlock: bigint;
      ended: boolean;
    };
    return {
      payer: lower(payer),
      token: lower(token),
      lockup: Number(lockup),
      keeperShareBps: Number(keeperShareBps),
      available,
      required,
      committees: [service, next]
        .map(({ committee }) => lower(committee))
        .filter((one) => one !== noContract),
      ends: ended || endBlock !== 0n,
    };
  }

  async #isMade(group: Hex, factories: readonly Hex[]): Promise<boolean> {
    for (const factory of factories) {
      if ((await this.#view(factoryAbi, factory, "isGroup", [group])) === true) return true;
    }
    return false;
  }

  /** The facts about a group to come; undefined unless the factory would make it at this address for this payer. */
  async coming(group: Hex, payer: Hex, birth: GroupBirth): Promise<GroupFacts | undefined> {
    const { factory, token, lockup, keeperShareBps, keeperFee, committee } = birth;
    const terms = { token, lockup, keeperShareBps, keeperFee };
    const predicted = await this.#view(factoryAbi, factory, "predictGroup", [payer, terms, committee]);
    if (lower(predicted) !== group) return undefined;
    const available =
      token === coin
        ? BigInt((await this.#ask("eth_getBalance", [group, "latest"])) as string)
        : ((await this.#view(tokenAbi, token, "balanceOf", [group])) as bigint);
    const committees = committee === noContract ? [] : [committee];
    return {
      payer: undefined,
      token,
      lockup,
      keeperShareBps,
      available,
      required: 0n,
      committees,
      ends: false,
    };
  }

  /** Whether the payer signed the digest: an account, or a contract that says so (ERC-1271). */
  async signed(payer: Hex, digest: Hex, signature: Uint8Array): Promise<boolean> {
    if (storeSigner(digest, signature) === payer) return true;
    return isAccepted(await this.#ask("eth_call", [signatureCall(payer, digest, signature), "latest"]));
  }

  /** Decimals of a token; 18 of the chain's coin. */
  async decimals(token: Hex): Promise<number> {
    return token === coin ? 18 : Number(await this.#view(tokenAbi, token, "decimals", []));
  }

  /** Where a registered provider is; undefined if the operator is none. */
  async source(operator: Hex): Promise<Source | undefined> {
    const entry = (await this.#view(registryAbi, this.#registry, "provider", [operator])) as {
      peerId: Hex;
      multiaddrs: string[];
    };
    if (entry.multiaddrs.length === 0) return undefined;
    return { peerId: peerIdText(fromHex(entry.peerId)), addrs: [...entry.multiaddrs] };
  }

  /** Operators of the providers of a group. */
  async operators(group: Hex): Promise<Hex[]> {
    const state = (await this.#view(groupAbi, group, "state", [])) as { providerCount: bigint };
    const count = Number(state.providerCount);
    const operators: Hex[] = [];
    for (let i = 0; i < count; i++) {
      const { operator } = (await this.#view(groupAbi, group, "provider", [i])) as { operator: string };
      operators.push(lower(operator));
    }
    return operators;
  }

  /** The peer id in the registry, 38 bytes; undefined if the operator is no registered provider. */
  async registeredPeer(operator: Hex): Promise<Hex | undefined> {
    const entry = (await this.#view(registryAbi, this.#registry, "provider", [operator])) as { peerId: Hex };
    return entry.peerId.length > 2 ? lower(entry.peerId) : undefined;
  }
}
