/** All payments of a group, from events and inputs of settlements alone (R35). */
import type { Provider } from "ethers";
import { eventsOfSettlement, itemsPaid, sharesPaid } from "../protocol/payments.ts";
import type { PaymentEvent } from "../protocol/payments.ts";
import { GroupView, type GroupParameters } from "./group-view.ts";
import { decodeSettleInput } from "./settlements.ts";
import { eventPages, type GroupEvent } from "./watch.ts";

/**
 * The first three are credits, which stay in the group until a withdrawal. `settled`: a share of a settlement (R30); `abandoned`: for
 * blocks settled without the committee (R34); `arrears`: collected arrears of a settlement (R32). `unreadable`: a settlement that is
 * not a direct call of `settle`, so that its items are unknown.
 */
export type PaymentKind = "settled" | "abandoned" | "arrears" | "withdrawn" | "unreadable";

export type Payment = {
  readonly block: number;
  /** Time of the block, in seconds since 1970. */
  readonly time_s: number;
  readonly transaction: string;
  readonly kind: PaymentKind;
  /** The interval [ts, te) of a settlement. */
  readonly ts: number | undefined;
  readonly te: number | undefined;
  readonly role: "provider" | "keeper" | "payer";
  /** Index of the provider in the group or of the keeper in its committee; undefined for the payer. */
  readonly index: number | undefined;
  /** Version of a keeper's committee. */
  readonly committee: number | undefined;
  /** Operator of the party; for a payer its address. */
  readonly operator: string;
  /** Recipient of a withdrawal. */
  readonly payee: string | undefined;
  /** Token units. */
  readonly amount: bigint;
  /** Space-time paid for, in byte·blocks. */
  readonly spaceTime: bigint | undefined;
};

export type PaymentRange = {
  /** First block; default: the origin block of the group. */
  readonly from?: number;
  /** Last block; default: the head. */
  readonly to?: number;
  /** Blocks in one request for logs; halved if the endpoint refuses the range. */
  readonly blocksAtOnce?: number;
  /** Called after each request with its last block and the last block of the range. */
  readonly onProgress?: (block: number, to: number) => void;
};

type Scene = {
  readonly provider: Provider;
  readonly view: GroupView;
  readonly parameters: GroupParameters;
  readonly operators: Map<number, readonly string[]>;
  readonly times: Map<number, number>;
};

const remembered = 1_024;

/** Yields the payments of a group in blocks [from, to], oldest first. */
export async function* groupPayments(
  provider: Provider,
  group: string,
  range: PaymentRange = {},
): AsyncGenerator<Payment, void, undefined> {
  const view = new GroupView(provider, group);
  const [parameters, head] = await Promise.all([view.parameters(), provider.getBlockNumber()]);
  const scene: Scene = { provider, view, parameters, operators: new Map(), times: new Map() };
  const { from = parameters.originBlock, to = head, onProgress } = range;
  const providers = new Map<number, string>();
  const pages = eventPages(provider, group, {
    from: Math.max(from, parameters.originBlock),
    to: Math.min(to, head),
    ...(range.blocksAtOnce === undefined ? {} : { blocksAtOnce: range.blocksAtOnce }),
  });
  for await (const { events, through } of pages) {
    for (const event of events) yield* await paymentsOf(scene, providers, { events, event });
    onProgress?.(through, Math.min(to, head));
  }
}

type Found = { readonly events: readonly GroupEvent[]; readonly event: GroupEvent };

async function paymentsOf(scene: Scene, providers: Map<number, string>, found: Found): Promise<Payment[]> {
  const { name, args } = found.event;
  switch (name) {
    case "Settled":
      return settled(scene, providers, found);
    case "AbandonCredited":
      return [await toProvider(scene, providers, found.event, "abandoned")];
    case "ArrearsCollected":
      return [
        await toProvider(scene, providers, found.event, "arrears"),
        ...(await sharesOfArrears(scene, found.event)),
      ];
    case "ProviderWithdrawn":
      return [await toProvider(scene, providers, found.event, "withdrawn")];
    case "KeeperWithdrawn": {
      const committee = Number(args["committee"]);
      const index = Number(args["index"]);
      const operator = (await operatorsOf(scene, committee))[index] ?? "";
      return [
        { ...(await common(scene, found.event, "withdrawn")), role: "keeper", index, committee, operator },
      ];
    }
    case "PayerWithdrawn": {
      const { payer } = scene.parameters;
      const one = await common(scene, found.event, "withdrawn");
      return [{ ...one, role: "payer", index: undefined, committee: undefined, operator: payer }];
    }
    default:
      return [];
  }
}

type Common = Omit<Payment, "role" | "index" | "committee" | "operator">;

async function common(scene: Scene, event: GroupEvent, kind: PaymentKind): Promise<Common> {
  const { block, transaction, args } = event;
  return {
    block,
    time_s: await timeOf(scene, block),
    transaction,
    kind,
    ts: undefined,
    te: undefined,
    payee: typeof args["payee"] === "string" ? args["payee"] : undefined,
    amount: (args["amount"] as bigint | undefined) ?? 0n,
    spaceTime: args["spaceTime"] as bigint | undefined,
  };
}

async function toProvider(
  scene: Scene,
  providers: Map<number, string>,
  event: GroupEvent,
  kind: PaymentKind,
): Promise<Payment> {
  const index = Number(event.args["provider"]);
  const operator = await providerOf(scene, providers, index);
  return { ...(await common(scene, event, kind)), role: "provider", index, committee: undefined, operator };
}

/** If the contract pays the keepers' cut of collected arrears, each member of the present committee gets one share. */
async function sharesOfArrears(scene: Scene, event: GroupEvent): Promise<Payment[]> {
  const share = event.args["share"];
  if (typeof share !== "bigint" || share === 0n) return [];
  const committee = await committeeAt(scene, event.block);
  const one = { ...(await common(scene, event, "arrears")), amount: share };
  const operators = await operatorsOf(scene, committee);
  return operators.map((operator, index) => ({
    ...one,
    role: "keeper" as const,
    index,
    committee,
    operator,
  }));
}

async function settled(
  scene: Scene,
  providers: Map<number, string>,
  { events, event }: Found,
): Promise<Payment[]> {
  const [ts, te] = [Number(event.args["ts"]), Number(event.args["te"])];
  const one = { ...(await common(scene, event, "settled")), ts, te };
  const input = decodeSettleInput((await scene.provider.getTransaction(event.transaction))?.data ?? "");
  if (input === undefined || input.ts !== ts) {
    const nobody = { role: "provider", index: undefined, committee: undefined, operator: "" } as const;
    return [{ ...one, ...nobody, kind: "unreadable" }];
  }
  const sameTransaction = events.filter(({ transaction }) => transaction === event.transaction);
  const own = eventsOfSettlement(sameTransaction as PaymentEvent[], sameTransaction.indexOf(event));
  const { price, keeperShareBps } = scene.parameters;
  const items = itemsPaid(
    { price, keeperShareBps: BigInt(keeperShareBps) },
    input.items.map(({ provider, spaceTime }) => ({ provider, signed: spaceTime })),
    own,
  );
  const operators = await operatorsOf(scene, input.committee);
  const shares = sharesPaid(event.args as PaymentEvent["args"], items, own, operators.length);
  const payments: Payment[] = [];
  for (const { provider: index, spaceTime, toProvider: amount } of items) {
    const operator = await providerOf(scene, providers, index);
    payments.push({ ...one, role: "provider", index, committee: undefined, operator, amount, spaceTime });
  }
  for (const { keeper: index, amount } of shares) {
    const operator = operators[index] ?? "";
    payments.push({ ...one, role: "keeper", index, committee: input.committee, operator, amount });
  }
  return payments;
}

async function providerOf(scene: Scene, known: Map<number, string>, index: number): Promise<string> {
  if (!known.has(index)) {
    for (const account of await scene.view.providers()) known.set(account.index, account.operator);
  }
  return known.get(index) ?? "";
}

async function operatorsOf({ view, operators }: Scene, version: number): Promise<readonly string[]> {
  const known = operators.get(version) ?? (await view.committeeAt(version)).operators;
  operators.set(version, known);
  return known;
}

/** The newest version in effect at a block. */
async function committeeAt({ view }: Scene, block: number): Promise<number> {
  for (let { version } = await view.committee(); version > 1; version--) {
    const { effectiveFrom } = await view.committeeAt(version);
    if (effectiveFrom > 0 && effectiveFrom <= block) return version;
  }
  return 1;
}

async function timeOf({ provider, times }: Scene, block: number): Promise<number> {
  const known = times.get(block) ?? (await provider.getBlock(block))?.timestamp ?? 0;
  if (times.size >= remembered) times.clear();
  times.set(block, known);
  return known;
}
