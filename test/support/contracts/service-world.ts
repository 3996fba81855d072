/** Real committees with real groups of one factory, on a chain in this process. */
import { Contract, type TransactionReceipt, type Wallet } from "ethers";
import type { Certificate, CertifiedGroup, CertifiedItem } from "../../../protocol/certificate.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { artifact } from "../../../scripts/contracts/artifacts.ts";
import { send, type Chain, type Refusal } from "./chain.ts";
import { peerId } from "./keys.ts";
import type { Committee, Sending } from "./committee-contract.ts";
import { CommitteeWorld } from "./committee-world.ts";
import { GroupContract, type GroupConfig, type GroupHost } from "./group-contract.ts";

/** More than any provider commits: it counts as all that was committed (R16). */
export const everything = (1n << 128n) - 1n;
/** R4: h + (f+1)·t of a committee of four with the rhythm of `CommitteeWorld`. */
export const lockup = 100;

/** What keepers signed of a group's provider; undefined: everything. */
export type Signed = (group: string, provider: number) => bigint | undefined;
export type Certified = {
  certificate: Certificate;
  scope: CertifiedGroup[];
  receipt: TransactionReceipt;
  /** Groups that refused, each with its error. */
  refused: { number: number; error: string }[];
};
type CertifiedArgs = {
  ts: bigint;
  te: bigint;
  version: bigint;
  leader: bigint;
  failed: bigint;
  payees: bigint;
  count: bigint;
  groups: Hex;
  remembered: boolean;
};
export type GroupOptions = {
  config?: Partial<GroupConfig>;
  ceiling?: number;
  deposit?: bigint;
  payer?: Wallet;
};

export class ServiceWorld implements GroupHost {
  readonly committees: CommitteeWorld;
  /** Convener of the committees, and payer of the groups unless said otherwise. */
  readonly payer: Wallet;

  private constructor(committees: CommitteeWorld) {
    this.committees = committees;
    this.payer = committees.convener;
  }

  static async open(): Promise<ServiceWorld> {
    const committees = await CommitteeWorld.whole();
    const { token, convener } = committees;
    await send(token, convener, "mint", [convener.address, 10n ** 30n]);
    return new ServiceWorld(committees);
  }

  get chain(): Chain {
    return this.committees.chain;
  }

  get token(): Contract {
    return this.committees.token;
  }

  async provider(label: string): Promise<Wallet> {
    const { registry } = this.committees;
    const operator = await this.chain.account(label);
    if (!(await registry.getFunction("isProvider")(operator.address))) {
      const args = [operator.address, peerId(label), ["/ip4/127.0.0.1/tcp/2"]];
      await send(registry, operator, "registerProvider", args);
    }
    return operator;
  }

  async balanceOf(address: string): Promise<bigint> {
    return this.token.getFunction("balanceOf")(address);
  }

  async failing(call: Promise<unknown>): Promise<Refusal> {
    return this.committees.failing(call);
  }

  /** A committee of `n` keepers, the first ones unless said otherwise. */
  async committee(
    options: Parameters<CommitteeWorld["committee"]>[1] & { n?: number; from?: number } = {},
  ): Promise<Committee> {
    const { n = 4, from = 0, ...rest } = options;
    return this.committees.committee((await this.committees.keepers(from + n)).slice(from), rest);
  }

  async config(change: Partial<GroupConfig> = {}): Promise<GroupConfig> {
    return { token: await this.token.getAddress(), lockup, keeperShareBps: 1000, keeperFee: 0n, ...change };
  }

  /** A group with money that enters a committee, unless its ceiling is 0. */
  async group(committee: Committee, options: GroupOptions = {}): Promise<ServedGroup> {
    const { ceiling = 8, deposit = 10n ** 24n, payer = this.payer } = options;
    const config = await this.config(options.config);
    const args = [config, committee.address, 0];
    const receipt = await send(this.committees.factory, payer, "createGroup", args);
    const group = this.groupAt(this.created(receipt, "GroupCreated"), config, payer);
    if (deposit > 0n) await group.deposit(deposit);
    if (ceiling > 0) await group.enter(committee, ceiling);
    return group;
  }

  groupAt(address: string, config: GroupConfig, payer = this.payer): ServedGroup {
    const contract = new Contract(address, artifact("interfaces/IUpkeeping").abi, payer);
    const host: GroupHost = {
      chain: this.chain,
      token: this.token,
      payer,
      provider: async (label) => this.provider(label),
      balanceOf: async (holder) => this.balanceOf(holder),
    };
    return new ServedGroup(host, contract, config);
  }

  /** Address of what the factory made in a transaction. */
  created(receipt: TransactionReceipt, event: "GroupCreated" | "CommitteeCreated"): string {
    const [made] = this.committees.factoryEvents(receipt).filter(({ name }) => name === event);
    return String(made?.args[0]);
  }

  /**
   * Groups and providers with a committed slot in [ts, te) (R38), after the memberships and the providers' blocks as they are now,
   * with what keepers signed. A group that is settled through the end of its membership is out of scope.
   */
  async scopeOf(
    committee: Committee,
    ts: number,
    te: number,
    signed: Signed = () => undefined,
  ): Promise<CertifiedGroup[]> {
    const scope: CertifiedGroup[] = [];
    const last = Number(await committee.read("lastNumber"));
    for (let number = 1; number <= last; number += 1) {
      const { group: address, entered, left } = await committee.read("membership", number);
      const group = this.groupAt(address, await this.config());
      const from = Math.max(ts, Number(entered));
      const to = left === 0n ? te : Math.min(te, Number(left));
      if (from >= to || (await group.settledThrough()) >= to) continue;
      const items = await group.committedIn(from, to, (provider) => signed(address, provider) ?? everything);
      if (items.length > 0) scope.push({ number, group: address.toLowerCase() as Hex, items });
    }
    return scope;
  }

  /** Certifies the next interval with everything in scope, signed by all, and hands in all groups unless said otherwise. */
  async certify(committee: Committee, options: Sending & { signed?: Signed } = {}): Promise<Certified> {
    const { signed, ...sending } = options;
    const { ts, te } = await committee.certificate([]);
    const scope = await this.scopeOf(committee, ts, te, signed);
    const certificate = await committee.certificate(scope, { te });
    const receipt = await committee.certify(certificate, scope, sending);
    const { errors } = this.committees;
    const refused = committee
      .events(receipt)
      .filter(({ name }) => name === "GroupRefused")
      .map(({ args }) => {
        const [, number, , reason] = args as [bigint, bigint, string, string];
        return { number: Number(number), error: errors.parseError(reason)?.name ?? reason };
      });
    return { certificate, scope, receipt, refused };
  }

  /** The certificates of a committee that are remembered, the oldest first. */
  async remembered(committee: Committee): Promise<Certificate[]> {
    const found = await committee.contract.queryFilter("Certified");
    const certificates: Certificate[] = [];
    for (const log of found) {
      const args = committee.contract.interface.parseLog(log)?.args as unknown as CertifiedArgs;
      if (!args.remembered) continue;
      certificates.push({
        ts: Number(args.ts),
        te: Number(args.te),
        version: Number(args.version),
        leader: Number(args.leader),
        failed: args.failed,
        payees: args.payees,
        count: Number(args.count),
        groups: args.groups,
      });
    }
    return certificates;
  }

  /** Settles the only group of a committee under everything that is remembered for it. */
  async settleRemembered(group: ServedGroup, committee: Committee): Promise<void> {
    for (const certificate of await this.remembered(committee)) {
      const { ts, te } = certificate;
      if (te <= (await group.settledThrough())) continue;
      const { service } = await group.read("state");
      const items = await group.committedIn(Math.max(ts, Number(service.from)), te, () => everything);
      const address = (await group.address()).toLowerCase() as Hex;
      await committee.settle(certificate, [{ number: Number(service.number), group: address, items }]);
      if ((await group.settledThrough()) < te)
        throw new Error(`settled through ${te}: expected, actual a refusal`);
    }
  }

  /** Certifies until a group is settled through a block. */
  async settleThrough(group: ServedGroup, committee: Committee, block: number): Promise<void> {
    while ((await group.settledThrough()) < block) await this.certify(committee);
  }
}

export class ServedGroup extends GroupContract {
  async enter(committee: Committee, ceiling = 8): Promise<TransactionReceipt> {
    return this.send(this.world.payer, "enter", [committee.address, ceiling]);
  }

  /** Providers with a committed block in [from, to), ascending. */
  async committedIn(
    from: number,
    to: number,
    spaceTime: (provider: number) => bigint,
  ): Promise<CertifiedItem[]> {
    const items: CertifiedItem[] = [];
    const { providerCount } = await this.read("state");
    for (let provider = 0; provider < Number(providerCount); provider += 1) {
      const { activeFrom, leavesAt } = await this.read("provider", provider);
      if (activeFrom < to && (leavesAt === 0n || leavesAt > from))
        items.push({ provider, spaceTime: spaceTime(provider) });
    }
    return items;
  }

  async balance(committee: Committee, version: number, member: number): Promise<bigint> {
    return this.read("keeperBalance", committee.address, version, member);
  }

  /** S2, with the versions 1, 2, … of these committees. */
  async checkBooks(...committees: readonly (readonly [Committee, number])[]): Promise<void> {
    await this.checkBooksOf(
      committees.flatMap(([committee, versions]) =>
        Array.from({ length: versions }, (_, i) => ({
          committee: committee.address,
          version: i + 1,
          n: committee.members.length,
        })),
      ),
    );
  }
}
