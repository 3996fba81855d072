/**
 * R29, R41: follows the certificates on chain, hands in the groups of remembered certificates that are not settled, and prunes older
 * state.
 */
import { bitIndices } from "../../../protocol/bitmap.ts";
import { CertificateTree, rememberedHash } from "../../../protocol/certificate.ts";
import type { CertifiedGroup } from "../../../protocol/certificate.ts";
import { dutyIndex, slotAt } from "../../../protocol/committee.ts";
import type {
  CommitteeSnapshot,
  DataCheckpoint,
  GroupEntry,
  Remembered,
} from "../../../protocol/committee.ts";
import { keepersPart } from "../../../protocol/dues.ts";
import { nextRun, standingOf } from "../../../protocol/handing-in.ts";
import { providerKey } from "../../../protocol/records.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { fallbackBlock, turnAt, turnOrder } from "../../../protocol/turns.ts";
import type { Settling, Signed, Transaction } from "../effects.ts";
import type { TransactionName } from "../events.ts";
import { reason, turnKey } from "../state.ts";
import type { HandIn, Step } from "../state.ts";
import { newHandIn } from "../turn.ts";
import { bytesBefore } from "./integrate.ts";

export function onCommittee(step: Step, shown: CommitteeSnapshot): void {
  const { state, config } = step;
  const old = state.committee;
  const snapshot = old === undefined ? shown : withKnownHistory(shown, old, state.before.keys());
  if (old !== undefined && snapshot.ts > old.ts) {
    // R5: where the committee was idle, the next interval begins with a group, and nothing is carried into it.
    const bytes = bytesBefore(step, { ...snapshot, groups: knownGroups(snapshot, old) }, old.ts, snapshot.ts);
    state.before.set(snapshot.ts, new Map(bytes.map((v) => [providerKey(v), v.value])));
    step.effects.push({ kind: "persist", writes: [{ kind: "before", ts: snapshot.ts, bytes }] });
    // One certified interval is kept, so that a reorg of its certificate finds its state.
    prune(step, snapshot, old.ts);
  }
  if (old?.version.version !== snapshot.version.version) state.hellos.clear();
  state.committee = snapshot;
  const seated =
    dutyIndex(snapshot.version, config.me) >= 0 ||
    (snapshot.next !== undefined && dutyIndex(snapshot.next, config.me) >= 0);
  if (!seated && old?.version.version !== snapshot.version.version) {
    reason(step, "not-a-member", config.me);
  }
}

/** The groups of both snapshots: one that was settled meanwhile is not shown any more, but its records are carried no further either. */
function knownGroups(snapshot: CommitteeSnapshot, old: CommitteeSnapshot): GroupEntry[] {
  const groups = new Map(old.groups.map((group) => [group.number, group]));
  for (const group of snapshot.groups) groups.set(group.number, group);
  return [...groups.values()];
}

/**
 * R14: the chain shows commitments from the last certificate on. The commitments of the interval before cap the bytes carried from it.
 * This keeper has read them earlier unless it was down, and keeps them from the oldest interval start that it carries bytes from.
 */
function withKnownHistory(
  shown: CommitteeSnapshot,
  old: CommitteeSnapshot,
  carriedFrom: Iterable<number>,
): CommitteeSnapshot {
  const from = Math.min(shown.ts, old.ts, ...carriedFrom);
  const known = new Map(old.groups.map((group) => [group.number, group]));
  const extended = (groups: readonly GroupEntry[]): readonly GroupEntry[] =>
    mapChanged(groups, (group) => withGroupHistory(group, known.get(group.number), from));
  const { scope } = shown;
  const groups = extended(shown.groups);
  const inScope = scope === undefined ? undefined : extended(scope.groups);
  if (groups === shown.groups && inScope === scope?.groups) return shown;
  return {
    ...shown,
    groups,
    scope: scope === undefined || inScope === undefined ? undefined : { ...scope, groups: inScope },
  };
}

/** Like `map`, but returns the list itself if no element changes: most snapshots show all commitments that this keeper knows. */
function mapChanged<T>(list: readonly T[], change: (one: T) => T): readonly T[] {
  const changed = list.map(change);
  return changed.every((one, i) => one === list[i]) ? list : changed;
}

function withGroupHistory(group: GroupEntry, old: GroupEntry | undefined, from: number): GroupEntry {
  if (old === undefined) return group;
  const before = new Map(old.providers.map((provider) => [provider.index, provider.history]));
  const providers = mapChanged(group.providers, (provider) => {
    const first = provider.history[0]?.fromBlock ?? 0;
    if (first <= from) return provider;
    const earlier: readonly DataCheckpoint[] =
      before.get(provider.index)?.filter(({ fromBlock }) => fromBlock < first) ?? [];
    const inForce = earlier.findLastIndex(({ fromBlock }) => fromBlock <= from);
    const kept = earlier.slice(Math.max(inForce, 0));
    return kept.length === 0 ? provider : { ...provider, history: [...kept, ...provider.history] };
  });
  return providers === group.providers ? group : { ...group, providers };
}

function prune(step: Step, snapshot: CommitteeSnapshot, ts: number): void {
  const { state } = step;
  const firstSlot = slotAt(snapshot.params, ts);
  const certificatesFrom = Math.min(ts, ...snapshot.remembered.map((one) => one.ts));
  state.notesFrom = Math.max(state.notesFrom, ts);
  for (const [provider, bySlot] of state.records) {
    for (const slot of bySlot.keys()) if (slot < firstSlot) bySlot.delete(slot);
    if (bySlot.size === 0) state.records.delete(provider);
  }
  const turnsBefore = (block: number, key: string): boolean => Number(key.split("/")[0]) < block;
  for (const number of state.hashes.keys()) if (number < ts) state.hashes.delete(number);
  for (const at of state.before.keys()) if (at < ts) state.before.delete(at);
  for (const [round, salt] of state.salts) if (salt.ts < ts) state.salts.delete(round);
  for (const [key, own] of state.own) if (own.ts < ts) state.own.delete(key);
  for (const key of state.notes.keys()) if (turnsBefore(ts, key)) state.notes.delete(key);
  for (const key of state.certificates.keys()) {
    if (turnsBefore(certificatesFrom, key)) state.certificates.delete(key);
  }
  for (const key of state.settling.keys()) if (turnsBefore(certificatesFrom, key)) state.settling.delete(key);
  step.effects.push({ kind: "prune", ts, certificatesFrom });
}

/** Hands in what is left of remembered certificates, the oldest first (R41). */
export function tickSettle(step: Step): void {
  const { committee } = step.state;
  if (committee === undefined || committee.remembered.length === 0) return;
  const groups = new Map(committee.groups.map((group) => [group.number, group]));
  for (const remembered of committee.remembered) {
    const known = certificateOf(step, remembered);
    if (known !== undefined) settleRest(step, committee, groups, known);
    else askForCertificate(step, committee, remembered);
  }
}

/**
 * R29: a keeper that was down, or has its seat since a handover, asks the others for a certificate that nobody has settled by the time
 * at which others than its leader may: one keeper a block, in turn.
 */
function askForCertificate(
  step: Step,
  { version, params }: CommitteeSnapshot,
  { te, hash }: Remembered,
): void {
  const { state } = step;
  const questions = state.certificateQuestions;
  const me = dutyIndex(version, step.config.me);
  if (me < 0 || state.head < fallbackBlock(te, params.turn) || questions.at === state.head) return;
  questions.at = state.head;
  const n = version.members.length;
  const keeper = (me + 1 + (questions.asked++ % (n - 1))) % n;
  step.effects.push({ kind: "ask-certificate", keeper, hash });
}

/** Keeps a certificate that another keeper served, if it is one that the committee remembers and all of its groups are there. */
export function onCertificate(step: Step, { certificate, groups }: Signed): void {
  const { state } = step;
  const { committee } = state;
  const hash = rememberedHash(certificate);
  if (committee?.remembered.some((one) => one.ts === certificate.ts && one.hash === hash) !== true) return;
  if (groups.length !== certificate.count || rootOf(groups) !== certificate.groups) return;
  const { ts, te } = certificate;
  const turn = turnAt(te, ts, committee.params);
  state.certificates.set(turnKey(ts, turn), { certificate, groups });
  step.effects.push({ kind: "persist", writes: [{ kind: "certificate", ts, turn, certificate, groups }] });
}

/** Undefined for groups that are not in order or have fields out of range. */
function rootOf(groups: readonly CertifiedGroup[]): Hex | undefined {
  try {
    return new CertificateTree(groups).root;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The certificate that the committee remembers, if this keeper noted it. */
function certificateOf(
  { state }: Step,
  { ts, te, hash }: Remembered,
): (Signed & { readonly turn: number }) | undefined {
  for (const [key, signed] of state.certificates) {
    const { certificate } = signed;
    if (certificate.ts !== ts || certificate.te !== te || rememberedHash(certificate) !== hash) continue;
    return { ...signed, turn: Number(key.split("/")[1]) };
  }
  return undefined;
}

function settleRest(
  step: Step,
  committee: CommitteeSnapshot,
  memberships: ReadonlyMap<number, GroupEntry>,
  known: Signed & { readonly turn: number },
): void {
  const { certificate, groups } = known;
  const { ts, te } = certificate;
  if (step.state.head < settleFrom(step, committee, known)) return;
  const isOpen = ({ number }: CertifiedGroup): boolean =>
    standingOf(memberships.get(number), ts, te) === "open";
  const n = committee.version.members.length;
  for (let from = 0; ;) {
    const run = nextRun(groups, isOpen, { from, n, certifies: false });
    if (run === undefined) return;
    from = run.first + run.length;
    const transaction: Settling = { kind: "settle", ...known, run };
    handInWhenWorth(step, committee, memberships, transaction);
  }
}

/**
 * Block from which this keeper settles groups of a certificate: its leader and the leader of a turn that is certified at once, the k-th
 * after the leader from te + ⌈2t/3⌉ + k − 1 on (R41).
 */
function settleFrom(step: Step, { version, params }: CommitteeSnapshot, { certificate }: Signed): number {
  const { turn } = step.state;
  const me = dutyIndex(version, step.config.me);
  if (me < 0) return Number.POSITIVE_INFINITY;
  const signedBySame = certificate.version === version.version;
  if (signedBySame && certificate.leader === me) return certificate.te;
  if (turn?.leader === me && turn.certificate !== undefined) return certificate.te;
  const operators = version.members.map(({ operator }) => operator);
  const order = turnOrder(certificate.ts, version.seed, operators);
  const leader = signedBySame ? order.indexOf(certificate.leader) : 0;
  const behind = (order.indexOf(me) - leader + order.length) % order.length;
  return fallbackBlock(certificate.te, params.turn) + Math.max(0, behind - 1);
}

function handInWhenWorth(
  step: Step,
  committee: CommitteeSnapshot,
  memberships: ReadonlyMap<number, GroupEntry>,
  transaction: Settling,
): void {
  const { state } = step;
  const { certificate, run } = transaction;
  const key = `${certificate.ts}/${transaction.turn}/${run.first}`;
  const handIn: HandIn = state.settling.get(key) ?? newHandIn();
  state.settling.set(key, handIn);
  if (handIn.resubmitAt !== undefined && state.head >= handIn.resubmitAt) handIn.sent = false;
  if (handIn.sent) return;
  if (handIn.fee?.at !== state.head) return askFee(step, handIn, transaction);
  const { amount } = handIn.fee;
  if (amount !== undefined && amount > gainOf(step, committee, memberships, transaction)) return;
  handIn.resubmitAt = undefined;
  handIn.sent = true;
  step.effects.push({ kind: "submit", transaction });
}

/** Asks once a head, because fees may fall. */
export function askFee(step: Step, handIn: HandIn, transaction: Transaction): void {
  if (handIn.fee !== undefined && handIn.fee.at === undefined) return;
  handIn.fee = { at: undefined, amount: undefined };
  step.effects.push({ kind: "ask-fee", transaction });
}

/** What this keeper earns by settling a run: its own shares, and the leader's once it may take them (R25). */
function gainOf(
  step: Step,
  { version, params }: CommitteeSnapshot,
  memberships: ReadonlyMap<number, GroupEntry>,
  { certificate, groups, run }: Settling,
): bigint {
  const me = dutyIndex(version, step.config.me);
  const failed = bitIndices(certificate.failed);
  const payees = bitIndices(certificate.payees);
  if (certificate.version !== version.version || failed.includes(me)) return 0n;
  const divisor = BigInt(version.members.length - failed.length);
  const each = groups.slice(run.first, run.first + run.length).reduce((sum, group) => {
    const membership = memberships.get(group.number);
    if (membership === undefined) return sum;
    return sum + keepersPart(membership, group, certificate.ts, certificate.te) / divisor;
  }, 0n);
  const { leader, te } = certificate;
  const replaces =
    me !== leader && payees.includes(leader) && step.state.head >= fallbackBlock(te, params.turn);
  return (payees.includes(me) ? each : 0n) + (replaces ? each : 0n);
}

/** The hand-in that an event is about, if it is a settlement's. */
export function settlingOf({ state }: Step, { ts, turn, first }: TransactionName): HandIn | undefined {
  return state.settling.get(`${ts}/${turn}/${first}`);
}
