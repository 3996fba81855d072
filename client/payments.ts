/** All payments of a group, from its events alone (R35). */
import type { Provider } from "ethers";
import { groupAbi } from "./abi.ts";
import { CommitteeView } from "./committee-view.ts";
import { GroupView, type GroupAt } from "./group-view.ts";
import { groupSettlement, keeperShares, providerPart } from "./settlements.ts";
import { eventPages, groupEvents, type GroupEvent } from "./watch.ts";

/**
 * The first three are credits, which stay in the group until a withdrawal. `settled`: a share of a settlement (R30); `abandoned`: for
 * blocks that nobody settled (R34); `arrears`: paid arrears (R32).
 */
export type PaymentKind = "settled" | "abandoned" | "arrears" | "withdrawn";

export type Payment = {
  readonly block: number;
  /** Time of the block, in seconds since 1970. */
  readonly time_s: number;
  readonly transaction: string;
  readonly kind: PaymentKind;
  /** The blocks [from, through) that a settlement or an abandonment pays for. */
  readonly from: number | undefined;
  readonly through: number | undefined;
  readonly role: "provider" | "keeper" | "payer";
  /** Index of the provider in the group or of the keeper in its committee; undefined for the payer. */
  readonly index: number | undefined;
  /** A keeper's committee and the version of its members. */
  readonly committee: string | undefined;
  readonly version: number | undefined;
  /** Operator of the party; undefined for the payer. */
  readonly operator: string | undefined;
  /** Recipient of a withdrawal. */
  readonly payee: string | undefined;
  /** Token units. */
  readonly amount: bigint;
  /** Space-time paid for, in byte·blocks. */
  readonly spaceTime: bigint | undefined;
};

export type PaymentRange = {
  /** First block; default: the block of the group's creation. */
  readonly from?: number;
  /** Last block; default: the head. */
  readonly to?: number;
  /** Blocks in one request for logs; halved if the endpoint refuses the range. */
  readonly blocksAtOnce?: number;
  /** Called after each request with its last block and the last block of the range. */
  readonly onProgress?: (block: number, to: number) => void;
};

/** A service of the group, from its `Entered` event. */
type Served = { readonly committee: string; readonly from: number };

type Scene = {
  readonly provider: Provider;
  readonly view: GroupView;
  /** In the order of their first blocks. */
  readonly services: readonly Served[];
  readonly operators: Map<string, readonly string[]>;
  readonly providers: Map<number, string>;
  readonly times: Map<number, number>;
};

const remembered = 1_024;
const enteredTopic = (groupAbi.getEvent("Entered") as { topicHash: string }).topicHash;

/** Yields the payments of a group in blocks [from, to], oldest first. */
export async function* groupPayments(
  provider: Provider,
  group: GroupAt,
  range: PaymentRange = {},
): AsyncGenerator<Payment, void, undefined> {
  const view = new GroupView(provider, group);
  const [{ createdAt }, head] = await Promise.all([view.page(), provider.getBlockNumber()]);
  const { onProgress, blocksAtOnce } = range;
  const from = Math.max(range.from ?? createdAt, createdAt);
  const to = Math.min(range.to ?? head, head);
  const span = blocksAtOnce === undefined ? {} : { blocksAtOnce };
  const scene: Scene = {
    provider,
    view,
    services: await servicesOf(provider, group.address, { from: createdAt, to, ...span }),
    operators: new Map(),
    providers: new Map(),
    times: new Map(),
  };
  for await (const { events, through } of eventPages(provider, group.address, { from, to, ...span })) {
    for (const event of events) yield* await paymentsOf(scene, event);
    onProgress?.(through, to);
  }
}

/** A `Settled` event names a version but no committee: the service of its blocks does. */
async function servicesOf(
  provider: Provider,
  group: string,
  range: { readonly from: number; readonly to: number; readonly blocksAtOnce?: number },
): Promise<Served[]> {
  const entered = await groupEvents(provider, group, { ...range, topics: [enteredTopic] });
  return entered.map(({ args }) => ({ committee: String(args["committee"]), from: Number(args["from"]) }));
}

async function paymentsOf(scene: Scene, event: GroupEvent): Promise<Payment[]> {
  const { name, args } = event;
  switch (name) {
    case "Settled":
      return settled(scene, event);
    case "Credited":
      return abandoned(scene, event);
    case "ArrearsPaid":
      return [await ofProvider(scene, event, "arrears", Number(args["provider"]))];
    case "KeeperArrearsPaid":
      return keeperArrears(scene, event);
    case "ProviderWithdrawn":
      return [await ofProvider(scene, event, "withdrawn", Number(args["provider"]))];
    case "KeeperWithdrawn": {
      const [committee, version, index] = [
        String(args["committee"]),
        Number(args["version"]),
        Number(args["index"]),
      ];
      const operator = (await operatorsOf(scene, committee, version))[index];
      const one = await common(scene, event, "withdrawn");
      return [{ ...one, role: "keeper", index, committee, version, operator }];
    }
    case "PayerWithdrawn":
      return [{ ...(await common(scene, event, "withdrawn")), payee: String(args["to"]) }];
    default:
      return [];
  }
}

/** A payment to the payer; other parties fill in who they are. */
async function common(scene: Scene, event: GroupEvent, kind: PaymentKind): Promise<Payment> {
  const { block, transaction, args } = event;
  return {
    block,
    time_s: await timeOf(scene, block),
    transaction,
    kind,
    from: undefined,
    through: undefined,
    role: "payer",
    index: undefined,
    committee: undefined,
    version: undefined,
    operator: undefined,
    payee: typeof args["payee"] === "string" ? args["payee"] : undefined,
    amount: (args["amount"] as bigint | undefined) ?? 0n,
    spaceTime: undefined,
  };
}

async function ofProvider(
  scene: Scene,
  event: GroupEvent,
  kind: PaymentKind,
  index: number,
): Promise<Payment> {
  const operator = await providerOf(scene, index);
  return { ...(await common(scene, event, kind)), role: "provider", index, operator };
}

async function abandoned(scene: Scene, event: GroupEvent): Promise<Payment[]> {
  const [from, through] = [Number(event.args["from"]), Number(event.args["through"])];
  const payments: Payment[] = [];
  for (const word of event.args["parts"] as bigint[]) {
    const { provider, amount, spaceTime } = providerPart(word);
    const one = await ofProvider(scene, event, "abandoned", provider);
    payments.push({ ...one, from, through, amount, spaceTime });
  }
  return payments;
}

/** Every member of the version gets the same part (R32). */
async function keeperArrears(scene: Scene, event: GroupEvent): Promise<Payment[]> {
  const { args } = event;
  const [committee, version] = [String(args["committee"]), Number(args["version"])];
  const one = await common(scene, event, "arrears");
  const operators = await operatorsOf(scene, committee, version);
  const amount = args["share"] as bigint;
  if (amount === 0n) return [];
  return operators.map((operator, index) => ({
    ...one,
    role: "keeper" as const,
    index,
    committee,
    version,
    operator,
    amount,
  }));
}

async function settled(scene: Scene, event: GroupEvent): Promise<Payment[]> {
  const settlement = groupSettlement(
    scene.view.address,
    event.args as { interval: bigint; keepers: bigint; providers: bigint[] },
  );
  const { from, through, version, providers } = settlement;
  const payments: Payment[] = [];
  for (const { provider, amount, spaceTime } of providers) {
    const one = await ofProvider(scene, event, "settled", provider);
    payments.push({ ...one, from, through, amount, spaceTime });
  }
  const committee = scene.services.findLast((service) => service.from <= from)?.committee;
  if (committee === undefined) return payments;
  const operators = await operatorsOf(scene, committee, version);
  const one = await common(scene, event, "settled");
  for (const { keeper: index, amount } of keeperShares(settlement, operators.length)) {
    const operator = operators[index];
    payments.push({ ...one, role: "keeper", from, through, index, committee, version, operator, amount });
  }
  return payments;
}

async function providerOf({ view, providers }: Scene, index: number): Promise<string | undefined> {
  if (!providers.has(index)) {
    for (const account of await view.providers()) providers.set(account.index, account.operator);
  }
  return providers.get(index);
}

async function operatorsOf(
  { provider, operators }: Scene,
  committee: string,
  version: number,
): Promise<readonly string[]> {
  const key = `${committee} ${version}`;
  const known =
    operators.get(key) ?? (await new CommitteeView(provider, committee).version(version)).operators;
  operators.set(key, known);
  return known;
}

async function timeOf({ provider, times }: Scene, block: number): Promise<number> {
  const known = times.get(block) ?? (await provider.getBlock(block))?.timestamp ?? 0;
  if (times.size >= remembered) times.clear();
  times.set(block, known);
  return known;
}
