/** Typed views of groups, committees and registry at one block (R35). */
import { Interface } from "ethers";
import { publicKeyFromProtobuf } from "@libp2p/crypto/keys";
import { peerIdFromPublicKey } from "@libp2p/peer-id";
import { call, NoContract } from "../daemon/chain/calls.ts";
import type { Ask } from "../daemon/chain/calls.ts";
import { memberKeys } from "../daemon/chain/member-keys.ts";
import { blockTag } from "../daemon/chain/rpc.ts";
import * as abi from "../protocol/abi.ts";
import { fromHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import type { CommitteeTimes } from "./ports.ts";

const groupAbi = new Interface(abi.groupAbi);
const committeeAbi = new Interface(abi.committeeAbi);
const registryAbi = new Interface(abi.registryAbi);

const noAddress: Hex = `0x${"00".repeat(20)}`;

/** Blocks [from, left) of a group that one committee serves; `left` is undefined while it is not known (R38). */
export type Service = {
  readonly committee: Hex;
  readonly from: number;
  readonly left: number | undefined;
};

/** Data of this provider from a block on; 0 bytes: it has left. */
export type DataChange = {
  readonly from: number;
  readonly bytes: bigint;
  /** Token units per 2^64 byte·blocks. */
  readonly price: bigint;
  readonly listRoot: Hex;
  readonly receiptKey: Hex;
};

/** This provider's seat in a group. */
export type OwnSeat = {
  readonly provider: number;
  /** First block to which nothing is committed any more; undefined if nobody gave notice. */
  readonly leavesAt: number | undefined;
  /** In force at the group's settledThrough, and every change from then on. */
  readonly data: readonly DataChange[];
};

export type GroupStanding = {
  /** The present service and the next one, by their blocks; empty without a committee. */
  readonly services: readonly Service[];
  /** Undefined: this operator is no provider of the group. */
  readonly own: OwnSeat | undefined;
};

/** Events of groups, committees and registry after which a value has to be read again. */
export const changingEvents: readonly string[] = [
  ...topicsOf(groupAbi, [
    "ProviderAdded",
    "DataChanged",
    "LeaveScheduled",
    "ProviderClosed",
    "Entered",
    "MoveScheduled",
    "ServiceEnds",
    "ServiceOver",
    "Terminated",
    "Credited",
    "PayerChanged",
  ]),
  ...topicsOf(committeeAbi, [
    "Formed",
    "VersionCompleted",
    "VersionVoid",
    "VersionActivated",
    "SeatRotated",
    "MemberResigned",
  ]),
  ...topicsOf(registryAbi, ["KeeperEndpointUpdated"]),
];

function topicsOf(abi: Interface, names: readonly string[]): string[] {
  return names.map((name) => {
    const event = abi.getEvent(name);
    if (event === null) throw new Error(`event ${name}: expected in the ABI, actual none`);
    return event.topicHash;
  });
}

const ofZero = (block: bigint): number | undefined => (block === 0n ? undefined : Number(block));
const lower = (address: string): Hex => address.toLowerCase() as Hex;

type Block = number | "latest";
type RawService = { readonly committee: string; readonly from: bigint };
type RawChange = { from: bigint; size: bigint; price: bigint; root: string; receiptKey: string };

export class ChainReads {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async #group(group: Hex, name: string, args: readonly unknown[], block: Block): Promise<unknown> {
    return (await call(this.#ask, groupAbi, group, name, args, block))[0];
  }

  async #committee(committee: Hex, name: string, args: readonly unknown[], block: Block): Promise<unknown> {
    return (await call(this.#ask, committeeAbi, committee, name, args, block))[0];
  }

  /** A group whose contract does not exist yet has no committee. */
  async standing(group: Hex, operator: Hex, block: Block): Promise<GroupStanding> {
    try {
      const [state, own] = await Promise.all([
        this.#group(group, "state", [], block),
        this.#own(group, operator, block),
      ]);
      return { services: servicesOf(state as Parameters<typeof servicesOf>[0]), own };
    } catch (error) {
      if (error instanceof NoContract) return { services: [], own: undefined };
      throw error;
    }
  }

  async #own(group: Hex, operator: Hex, block: Block): Promise<OwnSeat | undefined> {
    const position = Number(await this.#group(group, "providerOf", [operator], block));
    if (position === 0) return undefined;
    const provider = position - 1;
    const [account, data] = await Promise.all([
      this.#group(group, "provider", [provider], block),
      this.#group(group, "dataOf", [provider], block),
    ]);
    return {
      provider,
      leavesAt: ofZero((account as { leavesAt: bigint }).leavesAt),
      data: [...(data as RawChange[])].map(({ from, size, price, root, receiptKey }) => ({
        from: Number(from),
        bytes: size,
        price,
        listRoot: lower(root),
        receiptKey: lower(receiptKey),
      })),
    };
  }

  async payer(group: Hex, block: Block): Promise<Hex> {
    return lower(String(await this.#group(group, "payer", [], block)));
  }

  async consentSequence(group: Hex, operator: Hex): Promise<number> {
    return Number(await this.#group(group, "consentSequence", [operator], "latest"));
  }

  /** The committee that serves the first block in which a change made now takes effect; zero without one. */
  async committeeOfConsent(group: Hex): Promise<Hex> {
    return lower(String(await this.#group(group, "effectiveFrom", [], "latest")));
  }

  /** The reason why a group's contract cannot be read; undefined: it can. */
  async fault(group: Hex): Promise<string | undefined> {
    try {
      await this.#group(group, "state", [], "latest");
      return undefined;
    } catch (error) {
      if (error instanceof NoContract) return error.message;
      throw error;
    }
  }

  /** Undefined while a member's consent is missing (R37). */
  async times(committee: Hex, block: Block): Promise<CommitteeTimes | undefined> {
    const [origin, rhythm] = await Promise.all([
      this.#committee(committee, "originBlock", [], block),
      this.#committee(committee, "rhythm", [], block),
    ]);
    const originBlock = ofZero(origin as bigint);
    return originBlock === undefined
      ? undefined
      : { originBlock, slot: Number((rhythm as { slot: bigint }).slot) };
  }

  /** BLS keys by operator: of the version in force, and of complete versions that wait to take effect (R8, R37). */
  async seats(committee: Hex, block: Block): Promise<Map<Hex, Hex[]>> {
    const [current, waiting] = await Promise.all([
      this.#committee(committee, "currentVersion", [], block),
      call(this.#ask, committeeAbi, committee, "waiting", [], block),
    ]);
    const versions = [current as bigint, ...([...waiting] as bigint[])].filter((version) => version > 0n);
    const seats = new Map<Hex, Hex[]>();
    for (const version of new Set(versions)) {
      for (const [operator, key] of await this.#members(committee, version, block)) {
        const keys = seats.get(operator) ?? [];
        if (!keys.includes(key)) keys.push(key);
        seats.set(operator, keys);
      }
    }
    return seats;
  }

  async #members(committee: Hex, version: bigint, block: Block): Promise<[Hex, Hex][]> {
    const [info, operators] = await Promise.all([
      this.#committee(committee, "versionInfo", [version], block),
      this.#committee(committee, "operatorsOf", [version], block),
    ]);
    const blob = lower((info as { keysBlob: string }).keysBlob);
    const holder = blob === noAddress ? committee : blob;
    const tag = block === "latest" ? block : blockTag(block);
    const code = fromHex((await this.#ask("eth_getCode", [holder, tag])) as Hex);
    const members = [...(operators as string[])].map(lower);
    const keys = memberKeys(code, members.length, holder === committee);
    return members.map((operator, i) => [operator, keys[i] as Hex]);
  }

  /** Peer id and addresses of a registered keeper; undefined if it is not registered. */
  async keeperEntry(registry: Hex, operator: Hex, block: Block): Promise<KeeperAddresses | undefined> {
    const [entry] = await call(this.#ask, registryAbi, registry, "keeper", [operator], block);
    const { registeredAt, peerId, multiaddrs } = entry as {
      registeredAt: bigint;
      peerId: Hex;
      multiaddrs: string[];
    };
    if (registeredAt === 0n) return undefined;
    return { peerId: peerIdText(fromHex(peerId)), multiaddrs: [...multiaddrs] };
  }

  /** At most `count` registered keepers, those that registered first. */
  async keeperOperators(registry: Hex, count: number): Promise<Hex[]> {
    const [operators] = await call(this.#ask, registryAbi, registry, "keeperOperators", [0, count], "latest");
    return [...(operators as string[])].map(lower);
  }

  /** Text form of a keeper's registered peer id. */
  async peerId(registry: Hex, operator: Hex, block: Block): Promise<string> {
    const [entry] = await call(this.#ask, registryAbi, registry, "keeper", [operator], block);
    return peerIdText(fromHex((entry as { peerId: Hex }).peerId));
  }
}

export type KeeperAddresses = { readonly peerId: string; readonly multiaddrs: readonly string[] };

function servicesOf({
  service,
  next,
  left,
}: {
  readonly service: RawService;
  readonly next: RawService;
  readonly left: bigint;
}): Service[] {
  const present = { committee: lower(service.committee), from: Number(service.from), left: ofZero(left) };
  const coming = { committee: lower(next.committee), from: Number(next.from), left: undefined };
  return [present, coming].filter(({ committee }) => committee !== noAddress);
}

/** Text form of the peer id that the registry holds as an identity multihash (00 24 ‖ the key's protobuf). */
export function peerIdText(multihash: Uint8Array): string {
  return peerIdFromPublicKey(publicKeyFromProtobuf(multihash.slice(2))).toString();
}
