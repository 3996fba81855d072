/**
 * R24: the records decide the providers whose values disagree. The leader gathers the records of the disputed providers from their
 * owners, pins the records that it received, and publishes them as pages whose hashes are in its proposal. The others read the pages.
 */
import type { PinnedRoots } from "../effects.ts";
import type { Event } from "../events.ts";
import { bitmap } from "../../../protocol/bitmap.ts";
import type { MessageOf, Pinned } from "../../../protocol/messages.ts";
import { quorum } from "../../../protocol/quorum.ts";
import { leafCount } from "../../../protocol/records.ts";
import type { RecordLeaf } from "../../../protocol/records.ts";
import type { Settlement } from "../../../protocol/settlement.ts";
import { maxPages, maxPinnedBytes } from "../../../protocol/pinned.ts";
import { reason } from "../state.ts";
import { phaseTimeout } from "../../../protocol/turns.ts";
import type { ExchangeState, RoundState, Step, TurnState } from "../state.ts";
import { committeeSize, roundOf } from "../turn.ts";
import { integrateExchanged } from "./integrate.ts";
import { bundledReveal } from "./reveal.ts";

/** Upper bound of one record in a page: leaf, receipt, lengths and a path of `depth` hashes. A test checks it against the codec. */
export function maxRecordBytes(depth: number): number {
  return 288 + 32 * depth;
}

/** The disputed providers whose records fit the pages of the turn: smallest disputes first, then by index (R24). */
export function fittingDisputes(turn: TurnState, round: RoundState): ReadonlySet<number> {
  const owners = round.bundle?.body.reveals.length ?? 0;
  const depth = Math.ceil(Math.log2(Math.max(1, leafCount(turn.recordScope))));
  const disputes = (round.evaluation?.disputed ?? [])
    .map((provider) => ({ provider, bytes: slotsOf(turn, provider) * owners * maxRecordBytes(depth) }))
    .sort((a, b) => a.bytes - b.bytes || a.provider - b.provider);
  const fitting = new Set<number>();
  let bytes = 0;
  for (const dispute of disputes) {
    bytes += dispute.bytes;
    if (bytes > maxPinnedBytes) break;
    fitting.add(dispute.provider);
  }
  return fitting;
}

function slotsOf(turn: TurnState, provider: number): number {
  const range = turn.recordScope.find((r) => r.provider === provider);
  return range === undefined ? 0 : range.toSlot - range.fromSlot;
}

/** The leader gathers records and then pins them; `pagesOfLeader` packs them. */
export function tickExchange(step: Step): void {
  const turn = step.state.turn;
  const round = turn?.round;
  if (turn?.announced !== true || round?.evaluation === undefined) return;
  const { exchange } = round;
  if (exchange.pinned !== undefined) return;
  gather(step, turn, round);
  exchange.pinned = pinnedByLeader(step, turn, round);
}

/** Asks every owner in the bundle once, and an owner that did not serve once more at each later head. */
function gather(step: Step, turn: TurnState, round: RoundState): void {
  const { exchange, bundle } = round;
  const { head } = step.state;
  if (exchange.gathering && exchange.askedAt === head) return;
  for (const provider of fittingDisputes(turn, round)) {
    const byOwner = exchange.records.get(provider);
    for (const { keeper: owner } of bundle?.body.reveals ?? []) {
      const asked = exchange.gathering && byOwner?.has(owner) !== true;
      if (asked || byOwner?.get(owner) !== undefined) continue;
      byOwner?.delete(owner);
      const root = rootOf(round, owner);
      if (root === undefined) continue;
      const { id } = round;
      step.effects.push({
        kind: "gather-records",
        round: id,
        owner,
        root,
        provider,
        scope: turn.recordScope,
      });
    }
  }
  exchange.gathering = true;
  exchange.askedAt = head;
}

function rootOf(round: RoundState, owner: number): PinnedRoots["roots"][number] | undefined {
  return bundledReveal(round, owner)?.message.body.recordsRoot;
}

function store(
  exchange: ExchangeState,
  provider: number,
  owner: number,
  leaves: readonly RecordLeaf[] | undefined,
): void {
  const byOwner = exchange.records.get(provider) ?? new Map<number, readonly RecordLeaf[] | undefined>();
  byOwner.set(owner, leaves ?? byOwner.get(owner));
  exchange.records.set(provider, byOwner);
}

export function onRecords(step: Step, event: Extract<Event, { kind: "records" }>): void {
  const round = roundOf(step, event.round);
  if (round !== undefined) store(round.exchange, event.provider, event.owner, event.leaves);
}

/**
 * The keepers that the leader pins for each disputed provider: those that served, if they are a quorum, else none. Undefined until all
 * have served or the timeout is over, so a disputed provider delays the others at most until the timeout (L3).
 */
function pinnedByLeader(step: Step, turn: TurnState, round: RoundState): Pinned[] | undefined {
  const { evaluation, bundle, exchange } = round;
  const params = step.state.group?.params;
  if (evaluation === undefined || bundle === undefined || params === undefined) return undefined;
  const owners = bundle.body.reveals.map((r) => r.keeper);
  const fitting = fittingDisputes(turn, round);
  const served = (provider: number): number[] =>
    owners.filter((owner) => exchange.records.get(provider)?.get(owner) !== undefined);
  const complete = [...fitting].every((provider) => served(provider).length === owners.length);
  if (!complete && step.state.head < round.bundledAt + phaseTimeout(params.turn)) return undefined;
  return evaluation.disputed.map((provider) => {
    const keepers = fitting.has(provider) ? served(provider) : [];
    if (keepers.length >= quorum(committeeSize(turn))) return { provider, keepers };
    const why = fitting.has(provider)
      ? `${keepers.length} of ${owners.length} served`
      : "too large to exchange";
    reason(step, "exchange-incomplete", `provider ${provider}: ${why}`);
    return { provider, keepers: [] };
  });
}

function withRoots(round: RoundState, pinned: readonly Pinned[]): PinnedRoots[] {
  return pinned
    .filter(({ keepers }) => keepers.length > 0)
    .map((pin) => ({ ...pin, roots: pin.keepers.flatMap((owner) => rootOf(round, owner) ?? []) }));
}

/** Hashes of the pages with the pinned records; undefined until they are packed. */
export function pagesOfLeader(step: Step, turn: TurnState, round: RoundState): ExchangeState["pages"] {
  const { exchange } = round;
  if (exchange.pinned === undefined || exchange.pages !== undefined || exchange.packing)
    return exchange.pages;
  const pinned = withRoots(round, exchange.pinned);
  if (pinned.length === 0) {
    exchange.pages = [];
    return exchange.pages;
  }
  exchange.packing = true;
  step.effects.push({ kind: "pack-pages", round: round.id, pinned, scope: turn.recordScope });
  return undefined;
}

export function onPacked(step: Step, event: Extract<Event, { kind: "packed" }>): void {
  const exchange = roundOf(step, event.round)?.exchange;
  if (exchange === undefined || !exchange.packing) return;
  exchange.packing = false;
  exchange.pages = event.pages ?? [];
  exchange.fetched = true;
  if (event.pages !== undefined) return;
  reason(step, "exchange-incomplete", "the gathered records are no longer held");
  exchange.pinned = exchange.pinned?.map(({ provider }) => ({ provider, keepers: [] }));
}

/** Whether `pinned` names exactly the disputed providers, each with none or a quorum of the bundle's keepers (R24). */
export function pinnedHolds(
  turn: TurnState,
  round: RoundState,
  { pinned, pages }: Pick<MessageOf<"proposal">["body"], "pinned" | "pages">,
): boolean {
  const { evaluation, bundle } = round;
  if (evaluation === undefined || bundle === undefined) return false;
  const owners = new Set(bundle.body.reveals.map((r) => r.keeper));
  const fitting = fittingDisputes(turn, round);
  const paged = pinned.some(({ keepers }) => keepers.length > 0);
  return (
    pages.length <= maxPages &&
    pages.length > 0 === paged &&
    pinned.length === evaluation.disputed.length &&
    pinned.every(({ provider, keepers }, i) => {
      if (provider !== evaluation.disputed[i]) return false;
      if (keepers.length === 0) return true;
      const ascending = keepers.every((k, j) => owners.has(k) && (j === 0 || k > (keepers[j - 1] as number)));
      return ascending && fitting.has(provider) && keepers.length >= quorum(committeeSize(turn));
    })
  );
}

/** Asks for the pages of a proposal at every head until a holder has served them, so a lost connection costs no signature. */
export function fetchPages(
  step: Step,
  turn: TurnState,
  round: RoundState,
  body: MessageOf<"proposal">["body"],
): void {
  const { exchange, bundle } = round;
  if (exchange.askedAt === step.state.head) return;
  exchange.askedAt = step.state.head;
  const others = bundle?.body.reveals.map((r) => r.keeper) ?? [];
  step.effects.push({
    kind: "fetch-pages",
    round: round.id,
    pages: body.pages,
    pinned: withRoots(round, body.pinned),
    scope: turn.recordScope,
    holders: [turn.leader, ...others.filter((keeper) => keeper !== turn.leader && keeper !== turn.me)],
  });
}

export function onPages(step: Step, { round: id, result }: Extract<Event, { kind: "pages" }>): void {
  const round = roundOf(step, id);
  if (round === undefined || round.exchange.fetched || result.kind === "unserved") return;
  if (result.kind === "fault") {
    round.refused = true;
    return reason(step, "bad-pages", result.detail);
  }
  for (const { provider, owner, leaves } of result.records) store(round.exchange, provider, owner, leaves);
  round.exchange.fetched = true;
}

/** R23: the settlement computed from the bundle and the pinned records; undefined while records are missing. */
export function settlementOf(
  step: Step,
  turn: TurnState,
  round: RoundState,
  pinned: readonly Pinned[],
): Settlement | undefined {
  const { evaluation, exchange } = round;
  const group = step.state.group;
  if (evaluation === undefined || group === undefined) return undefined;
  const exchanged = new Map<number, bigint>();
  for (const { provider, keepers } of pinned) {
    if (keepers.length === 0) continue;
    const entry = turn.scope.find((p) => p.index === provider);
    const slots = turn.recordScope.find((range) => range.provider === provider);
    const leaves = keepers.flatMap((owner) => {
      const served = exchange.records.get(provider)?.get(owner);
      return served === undefined ? [] : [served];
    });
    if (entry === undefined || slots === undefined || leaves.length < keepers.length) return undefined;
    exchanged.set(provider, integrateExchanged(group, entry, slots, leaves));
  }
  return {
    ts: turn.ts,
    te: turn.te,
    committee: turn.committee.version,
    leader: turn.leader,
    failed: bitmap(turn.failed),
    payees: evaluation.payees,
    items: [...evaluation.decisions].map(([provider, decision]) => ({
      provider,
      spaceTime: exchanged.get(provider) ?? decision.value,
    })),
  };
}
