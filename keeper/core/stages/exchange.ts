/**
 * R24: the records decide the providers whose values disagree. The leader gathers the records of the disputed providers from their
 * owners, pins the records that it received, and publishes them as pages whose hashes are in its proposal. The others read the pages.
 */
import type { PinnedRoots, Signed } from "../effects.ts";
import type { Event } from "../events.ts";
import { bitmap } from "../../../protocol/bitmap.ts";
import { CertificateTree } from "../../../protocol/certificate.ts";
import type { CertifiedGroup, CertifiedItem } from "../../../protocol/certificate.ts";
import type { CommitteeParams } from "../../../protocol/committee.ts";
import type { MessageOf, Pinned } from "../../../protocol/messages.ts";
import { quorum } from "../../../protocol/quorum.ts";
import { providerText } from "../../../protocol/records.ts";
import type { ProviderName, ProviderSlots, RecordLeaf } from "../../../protocol/records.ts";
import type { Scope, ScopeEntry } from "../../../protocol/scope.ts";
import { maxPages, maxPinned, maxPinnedBytes, maxRecordBytes } from "../../../protocol/pinned.ts";
import { reason } from "../state.ts";
import { phaseTimeout } from "../../../protocol/turns.ts";
import type { ExchangeState, RoundState, Step, TurnState } from "../state.ts";
import { committeeSize, roundOf } from "../turn.ts";
import { integrateExchanged } from "./integrate.ts";
import { bundledReveal } from "./reveal.ts";

/** The disputes whose records fit the pages of the turn, by position: smallest first, then in the order of the scope (R24). */
export function fittingDisputes(
  { records }: Pick<Scope, "records">,
  disputed: readonly number[],
  owners: number,
): ReadonlySet<number> {
  const each = owners * maxRecordBytes(records.depth);
  const disputes = disputed
    .map((position) => {
      const { fromSlot, toSlot } = records.ranges[position] as ProviderSlots;
      return { position, bytes: (toSlot - fromSlot) * each };
    })
    .sort((a, b) => a.bytes - b.bytes || a.position - b.position);
  const fitting = new Set<number>();
  let bytes = 0;
  for (const dispute of disputes) {
    bytes += dispute.bytes;
    if (bytes > maxPinnedBytes || fitting.size >= maxPinned) break;
    fitting.add(dispute.position);
  }
  return fitting;
}

function nameAt({ scope }: TurnState, position: number): ProviderName {
  const { group, provider } = scope.entries[position] as ScopeEntry;
  return { group, provider };
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
  for (const position of round.evaluation?.fitting ?? []) {
    const byOwner = exchange.records.get(position);
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
        name: nameAt(turn, position),
        scope: turn.scope.records,
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
  position: number | undefined,
  owner: number,
  leaves: readonly RecordLeaf[] | undefined,
): void {
  if (position === undefined) return;
  const byOwner = exchange.records.get(position) ?? new Map<number, readonly RecordLeaf[] | undefined>();
  byOwner.set(owner, leaves ?? byOwner.get(owner));
  exchange.records.set(position, byOwner);
}

export function onRecords(step: Step, event: Extract<Event, { kind: "records" }>): void {
  const round = roundOf(step, event.round);
  const position = step.state.turn?.scope.records.positionOf(event.name);
  if (round !== undefined) store(round.exchange, position, event.owner, event.leaves);
}

/**
 * The keepers that the leader pins for each disputed provider: those that served, if they are a quorum. Undefined until all have served
 * or the timeout is over, so a disputed provider delays the others at most until the timeout (L3).
 */
function pinnedByLeader(step: Step, turn: TurnState, round: RoundState): Pinned[] | undefined {
  const { evaluation, bundle, exchange } = round;
  const params = step.state.committee?.params;
  if (evaluation === undefined || bundle === undefined || params === undefined) return undefined;
  const owners = bundle.body.reveals.map((r) => r.keeper);
  const { fitting, disputed } = evaluation;
  const served = (position: number): number[] =>
    owners.filter((owner) => exchange.records.get(position)?.get(owner) !== undefined);
  const complete = [...fitting].every((position) => served(position).length === owners.length);
  if (!complete && step.state.head < round.bundledAt + phaseTimeout(params.turn)) return undefined;
  return disputed.flatMap((position) => {
    const keepers = fitting.has(position) ? served(position) : [];
    const name = nameAt(turn, position);
    if (keepers.length >= quorum(committeeSize(turn))) return [{ ...name, keepers }];
    const why = fitting.has(position)
      ? `${keepers.length} of ${owners.length} served`
      : "too large to exchange";
    reason(step, "exchange-incomplete", `${providerText(name)}: ${why}`);
    return [];
  });
}

function withRoots(round: RoundState, pinned: readonly Pinned[]): PinnedRoots[] {
  return pinned.map((pin) => ({
    ...pin,
    roots: pin.keepers.flatMap((owner) => rootOf(round, owner) ?? []),
  }));
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
  step.effects.push({ kind: "pack-pages", round: round.id, pinned, scope: turn.scope.records });
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
  exchange.pinned = [];
}

/** Whether `pinned` names only disputed providers that fit, in order, each with a quorum of the bundle's keepers (R24). */
export function pinnedHolds(
  turn: TurnState,
  round: RoundState,
  { pinned, pages }: Pick<MessageOf<"proposal">["body"], "pinned" | "pages">,
): boolean {
  const { evaluation, bundle } = round;
  if (evaluation === undefined || bundle === undefined) return false;
  if (pages.length > maxPages || pages.length > 0 !== pinned.length > 0) return false;
  const owners = new Set(bundle.body.reveals.map((r) => r.keeper));
  let last = -1;
  return pinned.every((pin) => {
    const position = turn.scope.records.positionOf(pin);
    if (position === undefined || position <= last || !evaluation.fitting.has(position)) return false;
    last = position;
    const { keepers } = pin;
    const ascending = keepers.every((k, j) => owners.has(k) && (j === 0 || k > (keepers[j - 1] as number)));
    return ascending && keepers.length >= quorum(committeeSize(turn));
  });
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
    scope: turn.scope.records,
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
  const { records } = step.state.turn?.scope ?? {};
  for (const one of result.records) store(round.exchange, records?.positionOf(one), one.owner, one.leaves);
  round.exchange.fetched = true;
}

/** R23: what to sign, computed from the bundle and the pinned records; undefined while records are missing. */
export function signedOf(
  step: Step,
  turn: TurnState,
  round: RoundState,
  pinned: readonly Pinned[],
): Signed | undefined {
  const { evaluation } = round;
  const { committee } = step.state;
  if (evaluation === undefined || committee === undefined) return undefined;
  const exchanged = exchangedValues(turn, round.exchange, committee.params, pinned);
  if (exchanged === undefined) return undefined;
  const values = evaluation.decisions.map(({ value }, position) => exchanged.get(position) ?? value);
  const groups = certifiedGroups(turn.scope, values);
  const certificate = {
    ts: turn.ts,
    te: turn.te,
    version: turn.version.version,
    leader: turn.leader,
    failed: bitmap(turn.failed),
    payees: evaluation.payees,
    count: groups.length,
    groups: new CertificateTree(groups).root,
  };
  return { certificate, groups };
}

/** Values of pinned providers from the records, by position in the scope; undefined while records are missing. */
function exchangedValues(
  { scope }: TurnState,
  exchange: ExchangeState,
  params: CommitteeParams,
  pinned: readonly Pinned[],
): ReadonlyMap<number, bigint> | undefined {
  const values = new Map<number, bigint>();
  for (const pin of pinned) {
    const position = scope.records.positionOf(pin) ?? -1;
    const entry = scope.entries[position];
    const slots = scope.records.ranges[position];
    const leaves = pin.keepers.flatMap((owner) => {
      const served = exchange.records.get(position)?.get(owner);
      return served === undefined ? [] : [served];
    });
    if (entry === undefined || slots === undefined || leaves.length < pin.keepers.length) return undefined;
    values.set(position, integrateExchanged(params, entry, slots, leaves));
  }
  return values;
}

/** R27: the groups of a scope with the items of their providers, zeros included. */
function certifiedGroups(scope: Scope, values: readonly bigint[]): CertifiedGroup[] {
  const items = new Map<number, CertifiedItem[]>(scope.groups.map(({ number }) => [number, []]));
  scope.entries.forEach(({ group, provider }, position) => {
    items.get(group)?.push({ provider, spaceTime: values[position] ?? 0n });
  });
  return scope.groups.map(({ number, address }) => ({
    number,
    group: address,
    items: items.get(number) ?? [],
  }));
}
