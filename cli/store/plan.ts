/** The plan of a `store`: committee, providers and money, with a preview in whole tokens; and the refusal with numbers where they do not suffice. */
import { predictGroup } from "../../client/group-plans.ts";
import { GroupView } from "../../client/group-view.ts";
import { CommitteeView, type CommitteePage } from "../../client/committee-view.ts";
import { costOf, costOfValue, feeNeeded, perMonthOf } from "../../client/prices.ts";
import { measureBlockTime } from "../../client/status.ts";
import { payloadBytes } from "../../client/storing/age-stream.ts";
import { encodeCatalogue, emptyCatalogue, type Copy } from "../../client/storing/catalogue.ts";
import { chooseProviders, type Candidate, type Wish } from "../../client/storing/choose.ts";
import { storingBlocks, type StoringTime } from "../../client/storing/duration.ts";
import { readToken, tokenBalance } from "../../client/token.ts";
import { formatAmount, formatDuration, parseAmount, roughAmount, type Token } from "../../client/units.ts";
import { counted } from "../../protocol/counted.ts";
import { lockupBound } from "../../protocol/group-bounds.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { say } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { listsOf } from "./beside.ts";
import { findCommittee } from "./committee.ts";
import { discover, recordsIn, type Offering } from "./discover.ts";
import type { Session } from "./session.ts";
import type { StoredSource } from "./source.ts";
import type { Sending, StoreWork } from "./state.ts";
import type { Holder, StoredGroup } from "./stored.ts";

export type StorePlan = {
  readonly session: Session;
  readonly sources: readonly StoredSource[];
  readonly isPublic: boolean;
  readonly copies: number;
  readonly time: StoringTime;
  /** Whole tokens; undefined: what the account has. */
  readonly budget: string | undefined;
  readonly committee: string | undefined;
  /** What the payer's group stores already; undefined without a group. */
  readonly stored: StoredGroup | undefined;
};

/** An age header for one recipient has fewer bytes. */
const headBytes = 256;
/** Bytes of an item and of a copy in the catalogue, at most. */
const itemBytes = 1024;
const copyBytes = 160;

/** Bytes that a provider stores for an item. */
function pieceBytes({ source }: StoredSource, isPublic: boolean): number {
  return isPublic ? source.size : headBytes + payloadBytes(source.size);
}

type Scene = {
  readonly committee: CommitteePage;
  readonly token: Token;
  readonly balance: bigint;
  readonly head: number;
  readonly blockTime_s: number;
  readonly lockup: number;
  readonly keeperShareBps: number;
  readonly keeperFee: bigint;
};

async function sceneOf({ session, copies, budget, committee: only, stored }: StorePlan): Promise<Scene> {
  const { provider, registry, factory, lens, account } = session;
  const block = await provider.getBlock("latest");
  const head = block?.number ?? 0;
  const blockTime_s = await measureBlockTime(provider, { block: head, time_s: block?.timestamp ?? 0 });
  const present = stored?.page.state.service?.committee;
  if (stored !== undefined && present !== undefined) {
    const { token: address, ...config } = stored.page.config;
    const token = await readToken(provider, address);
    const balance = await tokenBalance(provider, token, account.address);
    const committee = await new CommitteeView(provider, { address: present, lens }).page();
    return { committee, token, balance, head, blockTime_s, ...config };
  }
  const wish = { registry, factory, lens, payer: account.address, budget, providers: copies, only };
  const { page, token, balance } = await findCommittee(provider, wish);
  const { leastKeeperFee, leastKeeperShareBps } = page.terms;
  const {
    lockup = lockupBound(page.rhythm, page.size),
    keeperShareBps = leastKeeperShareBps,
    keeperFee = leastKeeperFee,
  } = stored?.page.config ?? {};
  return { committee: page, token, balance, head, blockTime_s, lockup, keeperShareBps, keeperFee };
}

/** Makes the plan. Nothing is sent, and no provider has been asked for more than its offer. */
export async function planStore(plan: StorePlan): Promise<StoreWork> {
  const { session, sources, isPublic, copies, stored } = plan;
  const scene = await sceneOf(plan);
  const { committee, token, head } = scene;
  const own =
    stored?.holders.filter(({ account, list }) => account.leavesAt === undefined && list !== undefined) ?? [];
  const { offering, silent } = await discover({
    provider: session.provider,
    line: session.line,
    chainId: session.chainId,
    registry: session.registry,
    head,
    token: token.address,
    records: await recordsIn(session.provider, { committee: committee.address, lens: session.lens }),
    always: own.map(({ account }) => account.operator),
  });
  const sizes = sources.map((one) => pieceBytes(one, isPublic));
  const catalogueBytes =
    encodeCatalogue(stored?.catalogue ?? emptyCatalogue).length +
    sources.length * (itemBytes + copies * copyBytes);
  const bytes = sizes.reduce((sum, size) => sum + size, catalogueBytes + headBytes);
  const wish: Wish = {
    copies,
    bytes,
    largestPiece: Math.max(...sizes, catalogueBytes),
    hasPublic: isPublic,
    lockup: scene.lockup,
    keeperShareBps: scene.keeperShareBps,
    kept: [],
  };
  // Providers of the group come first: each further one costs a fee of its own.
  const operators = new Set(own.map(({ account }) => account.operator.toLowerCase()));
  const known = offering.filter(({ candidate }) => operators.has(candidate.operator.toLowerCase()));
  const { chosen: fit } = chooseProviders(
    known.map(({ candidate }) => candidate),
    wish,
  );
  const choice = chooseProviders(
    offering.map(({ candidate }) => candidate),
    { ...wish, kept: fit },
  );
  const chosen = [...fit, ...choice.chosen];
  if (chosen.length < copies) {
    const reasons = [...silent, ...choice.unfit].map(({ operator, why }) => `${operator}: ${why}`);
    throw new CliError({
      code: exitCodes.refused,
      message: "there are too few providers for so many copies",
      expected: counted(copies, "provider"),
      actual: [`${chosen.length}`, ...reasons.slice(0, 20)].join("; "),
      hint: "ask for fewer copies, or wait for more providers",
    });
  }
  const money = await moneyOf(plan, scene, { chosen, own, bytes });
  preview(plan, scene, { chosen, shares: choice.shares, bytes, ...money, silent: silent.length });
  return workOf(plan, scene, { chosen, offering, own, ...money });
}

type Money = {
  readonly deposit: bigint;
  readonly depositedThen: bigint;
  readonly ceiling: number;
  readonly blocks: number;
};

async function moneyOf(
  { session, stored, time, budget }: StorePlan,
  scene: Scene,
  { chosen, own, bytes }: Pick<Parts, "chosen" | "own"> & { readonly bytes: number },
): Promise<Money> {
  const { committee, token, head, lockup, keeperFee, balance, blockTime_s } = scene;
  const blocks = Math.max(storingBlocks(time, blockTime_s), leastBlocks(committee, lockup, chosen));
  const fresh = chosen.reduce(
    (sum, one) => sum + costOfMore(one, holderOf(own, one), { bytes: BigInt(bytes), blocks: BigInt(blocks) }),
    0n,
  );
  const members = new Set(
    stored?.holders
      .filter(({ account }) => !account.closed)
      .map(({ account }) => account.operator.toLowerCase()),
  );
  const added = chosen.filter(({ operator }) => !members.has(operator.toLowerCase())).length;
  const ceiling = Math.max(
    stored?.page.state.service?.ceiling ?? 0,
    (stored?.page.state.listed ?? 0) + added,
  );
  const { escrow } = stored?.page ?? {};
  const needed = fresh + (await presentCost(session, { stored, keeperFee, ceiling, head }, head + blocks));
  const missing = needed - (escrow?.available ?? 0n);
  const deposit = missing > 0n ? missing : 0n;
  const most = budget === undefined ? balance : parseAmount(budget, token);
  if (deposit > most) {
    throw new CliError({
      code: exitCodes.funds,
      message: `storing ${formatBytes(bytes)} with ${counted(chosen.length, "provider")} for ${counted(blocks, "block")} costs more than ${budget === undefined ? "the account has" : "the budget"}`,
      expected: `at least ${formatAmount(deposit, token)}`,
      actual: formatAmount(most, token),
      hint: "store for a shorter time, with fewer copies, or with more money",
    });
  }
  if (deposit > balance) {
    throw new CliError({
      code: exitCodes.funds,
      message: `account ${session.account.address} has too little ${token.symbol}`,
      expected: `at least ${formatAmount(deposit, token)}`,
      actual: formatAmount(balance, token),
      hint: `send ${token.symbol} to it`,
    });
  }
  return { deposit, depositedThen: (escrow?.deposited ?? 0n) + deposit, ceiling, blocks };
}

type Priced = Pick<Candidate, "operator" | "price">;

function holderOf(own: readonly Holder[], { operator }: Priced): Holder | undefined {
  return own.find(({ account }) => account.operator.toLowerCase() === operator.toLowerCase());
}

/** All data of a provider has one price (R33): the offered one, or the present one if that is higher. */
function priceAt({ price: offered = 0n }: Priced, holder: { readonly data: PricedData } | undefined): bigint {
  return holder === undefined || holder.data.price < offered ? offered : holder.data.price;
}

type PricedData = Pick<Holder["data"], "bytes" | "price">;

/** What a provider is paid for more bytes, and for its present data beyond their present price, in so many blocks. */
export function costOfMore(
  one: Priced,
  holder: { readonly data: PricedData } | undefined,
  { bytes, blocks }: { readonly bytes: bigint; readonly blocks: bigint },
): bigint {
  const price = priceAt(one, holder);
  const dearer = holder === undefined ? 0n : costOf(holder.data.bytes, blocks, price - holder.data.price);
  return costOf(bytes, blocks, price) + dearer;
}

/** Blocks that are paid for at least. R32 asks for the lockup and the unsettled blocks; providers may ask for more. */
export function leastBlocks(
  { rhythm: { interval, turn, slot } }: Pick<CommitteePage, "rhythm">,
  lockup: number,
  chosen: readonly Pick<Candidate, "minRunway">[],
): number {
  const runway = Math.max(0, ...chosen.map(({ minRunway }) => minRunway));
  return lockup + interval + turn + 2 * slot + runway;
}

type Present = {
  /** Undefined: the group is to come. */
  readonly stored: StoredGroup | undefined;
  readonly keeperFee: bigint;
  readonly ceiling: number;
  readonly head: number;
};

/** What the escrow must hold for the group's present data and its keepers up to a block, before anything is added. */
export async function presentCost(
  session: Session,
  { stored, keeperFee, ceiling, head }: Present,
  until: number,
): Promise<bigint> {
  const from = Math.min(stored?.page.state.settledThrough ?? head, head);
  const fee = feeNeeded(keeperFee, BigInt(ceiling), BigInt(Math.max(0, until - from)));
  return stored === undefined ? fee : fee + (await committedCost(session, stored, until));
}

/** What the group's present data costs up to a block, with what it owes. */
async function committedCost(
  { provider }: Session,
  { group, page, holders, head }: StoredGroup,
  until: number,
): Promise<bigint> {
  const view = new GroupView(provider, group);
  const from = page.state.settledThrough;
  const parts = await Promise.all(
    holders.map(({ account }) => view.committed(account.index, [from, Math.max(from, until)], head)),
  );
  const value = parts.reduce((sum, part) => sum + part.value, 0n);
  return costOfValue(value) + page.escrow.providerArrears + page.escrow.keeperArrears;
}

type Preview = Money & {
  readonly chosen: readonly Candidate[];
  readonly shares: string;
  readonly bytes: number;
  readonly silent: number;
};

function preview({ sources, isPublic, stored }: StorePlan, scene: Scene, shown: Preview): void {
  const { token, blockTime_s, committee } = scene;
  const { chosen, bytes, deposit, blocks, shares, silent } = shown;
  const time = formatDuration(blocks * blockTime_s);
  say(
    `store      ${sources.map(({ name }) => name).join(", ")}: ${formatBytes(bytes)} for each provider, ${isPublic ? "as they are, readable for everybody" : "encrypted for each"}`,
  );
  say(`for        ${counted(blocks, "block")}, about ${time}`);
  say(
    `group      ${stored === undefined ? "a new one" : stored.group.address}, in committee ${committee.address}`,
  );
  for (const { operator, price, record, regions } of chosen) {
    const month = roughAmount(perMonthOf(price ?? 0n, blockTime_s), token);
    const proven = record.provenBps === undefined ? "no record yet" : `proved ${record.provenBps / 100} %`;
    say(
      `provider   ${operator}  ${month} a TiB and month, ${proven}, ${regions.join(" ") || "no region named"}`,
    );
  }
  if (shares !== "nothing")
    say(
      `warning    two of them share ${shares === "region" ? "a region" : "an operator or a machine"}: no others are there`,
    );
  if (silent > 0) say(`note       ${counted(silent, "provider")} gave no valid offer`);
  say(`deposit    ${formatAmount(deposit, token)}; what is not used can be withdrawn`);
}

type Parts = Money & {
  readonly chosen: readonly Candidate[];
  readonly offering: readonly Offering[];
  readonly own: readonly Holder[];
};

async function workOf(plan: StorePlan, scene: Scene, parts: Parts): Promise<StoreWork> {
  const { session, sources, isPublic, copies, stored } = plan;
  const { committee, token, lockup, keeperShareBps, keeperFee } = scene;
  const config = { token: token.address, lockup, keeperShareBps, keeperFee };
  const made = { factory: session.factory, config, committee: committee.address };
  const group =
    stored?.group.address ?? (await predictGroup(session.provider, session.account.address, made));
  const names = new Set(sources.map(({ name }) => name));
  const replaced = (stored?.catalogue.items ?? [])
    .filter(({ name }) => names.has(name))
    .flatMap((item) => item.copies);
  const taken = new Set(parts.chosen.map(({ operator }) => operator.toLowerCase()));
  const others = shrunk(
    parts.own.filter(({ account }) => !taken.has(account.operator.toLowerCase())),
    replaced,
  );
  const providers = parts.chosen.map((one): Sending => {
    const holder = holderOf(parts.own, one);
    const pieces = Object.fromEntries(sources.map(({ name }) => [name, {}]));
    return {
      operator: one.operator,
      price: String(priceAt(one, holder)),
      copies: pieces,
      kept: holder === undefined ? [] : keptPieces(holder, replaced),
    };
  });
  return {
    kind: "store",
    items: sources.map(({ name, kind, source, modified_us, fingerprint }) => ({
      name,
      kind,
      bytes: source.size,
      modified_us,
      fingerprint,
      isPublic,
      wanted: copies,
      kept: [],
    })),
    removed: [],
    leaving: others.leaving,
    base: new TextDecoder().decode(encodeCatalogue(stored?.catalogue ?? emptyCatalogue)),
    lists: listsOf(stored),
    committee: committee.address,
    group,
    config: { ...config, keeperFee: String(keeperFee) },
    ceiling: parts.ceiling,
    depositedThen: String(parts.depositedThen),
    deposit: String(parts.deposit),
    providers: [...providers, ...others.providers],
    lost: [],
  };
}

/** The pieces that a provider goes on storing: all but its catalogue and those that are replaced or removed. */
export function keptPieces({ list, catalogueRoot, account }: Holder, gone: readonly Copy[]): Sending["kept"] {
  const dropped = new Set(
    gone
      .filter(({ provider }) => provider.toLowerCase() === account.operator.toLowerCase())
      .map(({ root }) => root),
  );
  return (list?.pieces.map((entry) => entry) ?? [])
    .map(({ root, size }) => ({ root: toHex(root) as string, bytes: size }))
    .filter(({ root }) => root !== catalogueRoot && !dropped.has(root));
}

/** For holders whose data shrinks: those that keep something get a new list, the others leave. */
export function shrunk(
  holders: readonly Holder[],
  gone: readonly Copy[],
): Pick<StoreWork, "providers" | "leaving"> {
  const touched = holders.filter(({ account }) =>
    gone.some(({ provider }) => provider.toLowerCase() === account.operator.toLowerCase()),
  );
  const shorter = touched.map((holder) => ({ holder, kept: keptPieces(holder, gone) }));
  return {
    providers: shorter
      .filter(({ kept }) => kept.length > 0)
      .map(({ holder: { account, data }, kept }) => {
        return { operator: account.operator, price: String(data.price), copies: {}, kept };
      }),
    leaving: shorter.filter(({ kept }) => kept.length === 0).map(({ holder }) => holder.account.operator),
  };
}
