/** Groups in a committee, its versions and certificates (R5, R6, R25, R29, R37, R38). */
import { slotFrom } from "./commitments.ts";
import {
  Checks,
  committeeOf,
  found,
  groupOf,
  never,
  refuse,
  type Certificate,
  type Committee,
  type Version,
  type World,
} from "./world.ts";

export function faulty({ n }: Committee): number {
  return (n - 1) / 3;
}

export function quorum(committee: Committee): number {
  return 2 * faulty(committee) + 1;
}

/** R5, R37: no group, and no block of one that is still to be certified. */
export function isIdle({ memberships, certifiedThrough }: Committee): boolean {
  return [...memberships.values()].every(({ left }) => left <= certifiedThrough);
}

export function reservedBy({ memberships }: Committee): number {
  return [...memberships.values()].reduce((sum, { freed, ceiling }) => sum + (freed ? 0 : ceiling), 0);
}

/** R38: a group enters, at `earliest` at the earliest. */
export function admit(
  world: World,
  index: number,
  request: { group: number; ceiling: number; earliest: number },
  block: number,
): { number: number; entered: number } {
  const committee = committeeOf(world, index);
  const { rhythm, memberships } = committee;
  const group = groupOf(world, request.group);
  const least = rhythm.interval + (faulty(committee) + 1) * rhythm.turn;
  new Checks()
    .refuse(group.foreign && !committee.invited.has(request.group), "Committee_NotInvited")
    .refuse(group.keeperFee < committee.leastKeeperFee, "Committee_FeeTooLow")
    .refuse(group.keeperShareBps < committee.leastKeeperShareBps, "Committee_ShareTooLow")
    .refuse(group.lockup < least, "Committee_LockupTooShort")
    .refuse(reservedBy(committee) + request.ceiling > committee.mostProviders, "Committee_TooManyProviders")
    .end();
  const entered = slotFrom(committee, Math.max(block + rhythm.confirmations + 1, request.earliest));
  // R5: a committee without groups begins anew with the next one, or with another that begins before that.
  if (isIdle(committee) || entered < committee.certifiedThrough) committee.certifiedThrough = entered;
  const number = memberships.size + 1;
  memberships.set(number, {
    group: request.group,
    ceiling: request.ceiling,
    entered,
    left: never,
    freed: false,
  });
  return { number, entered };
}

export function endMembership({ memberships }: Committee, number: number, left: number): void {
  const membership = found(memberships.get(number), `membership ${number}`);
  membership.left = left;
}

export function reclaim({ memberships }: Committee, block: number, number: number): void {
  const membership = memberships.get(number);
  const over = membership !== undefined && !membership.freed && membership.left <= block;
  new Checks()
    .refuse(membership === undefined, "Committee_NoSuchGroup")
    .refuse(!over, "Committee_NotOver")
    .end();
  found(membership, "membership").freed = true;
}

/** Start of a certificate, by which a call names it. */
export type Named = number;

/** R34 (b): when the named certificate was accepted, if it lies beyond a block and is remembered. */
export function certificateBeyond(
  { remembered }: Committee,
  named: Named,
  block: number,
): number | undefined {
  const certificate = remembered.get(named);
  return certificate === undefined || certificate.certificate.te <= block
    ? undefined
    : certificate.acceptedAt;
}

/** How a certificate is sent. */
export type Sending = {
  certificate: Certificate;
  signers: number;
  /** The sender's seat among the members in force; undefined: none. */
  seat: number | undefined;
  /** The sender's seat among the members that signed. */
  forged: boolean;
};

/** R25: from here on others than the leader may send. */
export function openFrom({ rhythm }: Committee, te: number): number {
  return te + Math.ceil((2 * rhythm.turn) / 3);
}

/** @throws Refused unless the committee's next certificate may be this one (R6, R7, R25, R27, R29) */
export function accept(committee: Committee, sending: Sending, block: number): void {
  const { certificate: c, seat } = sending;
  const { interval, turn } = committee.rhythm;
  const late = block >= openFrom(committee, c.te);
  const lapsed = (c.te - c.ts - interval) / turn;
  new Checks()
    .refuse(c.ts !== committee.certifiedThrough, "Committee_StaleStart")
    .refuse(lapsed < 0 || !Number.isInteger(lapsed), "Committee_WrongEnd")
    .refuse(block < c.te, "Committee_TooEarly")
    .refuse(block >= c.te + turn, "Committee_TooLate")
    .refuse(c.version !== committee.version, "Committee_WrongVersion")
    .refuse(sending.signers < quorum(committee), "Committee_TooFewSigners")
    .refuse(c.failed.length !== Math.min(lapsed, faulty(committee)), "Committee_WrongFailedCount")
    .refuse(c.failed.includes(c.leader), "Committee_LeaderFailed")
    .refuse(
      c.payees.some((payee) => c.failed.includes(payee)),
      "Committee_FailedPayee",
    )
    .refuse(!late && seat !== c.leader, "Committee_NotLeader")
    .refuse(late && seat === undefined, "Committee_NotMember")
    .refuse(sending.forged, "Committee_BadSignature")
    .end();
  committee.certifiedThrough = c.te;
  // R37: the contract applies a complete version; the certificate does not name it.
  const next = waiting(committee).find((version) => versionOf(committee, version).completedAt < c.te);
  if (next !== undefined) activate(committee, next, c.te);
}

export function versionOf(committee: Committee, version: number): Version {
  return found(committee.versions[version], `version ${version}`);
}

/** Version, key rotations not counted, on whose seats proposals are made. */
function eraOf(committee: Committee): number {
  const { rotation, base } = versionOf(committee, committee.version);
  return rotation ? base : committee.version;
}

/** Complete versions that wait to take effect, new members before rotations. */
export function waiting(committee: Committee): number[] {
  const era = eraOf(committee);
  const complete = committee.versions.flatMap(({ base, from, completedAt, withdrawn }, version) =>
    version > 0 && base === era && from === never && completedAt !== never && !withdrawn ? [version] : [],
  );
  const isRotation = (version: number): boolean => versionOf(committee, version).rotation;
  return [...complete.filter((v) => !isRotation(v)), ...complete.filter(isRotation)];
}

function activate(committee: Committee, version: number, from: number): void {
  const record = versionOf(committee, version);
  // The same members with another key: who resigned has resigned.
  if (record.rotation) record.resigned = new Set(versionOf(committee, committee.version).resigned);
  record.from = from;
  committee.version = version;
}

/** A version has all consents. @returns nothing; it is in force at once where no certificate is due (R37) */
function complete(committee: Committee, version: number, block: number): void {
  const record = versionOf(committee, version);
  record.completedAt = block;
  if (isIdle(committee)) activate(committee, version, block);
}

export function propose(committee: Committee, operators: readonly number[]): void {
  const era = eraOf(committee);
  const open = committee.versions.some(
    ({ base, rotation, from, withdrawn }, v) =>
      v > 0 && base === era && !rotation && from === never && !withdrawn,
  );
  new Checks()
    .refuse(open, "Committee_ProposalOpen")
    .refuse(operators.length !== committee.n, "Committee_OtherSize")
    .end();
  committee.versions.push({
    operators: [...operators],
    keys: [],
    base: era,
    consents: new Set(),
    rotation: false,
    withdrawn: false,
    resigned: new Set(),
    completedAt: never,
    from: never,
  });
}

export function withdrawProposal(committee: Committee, version: number): void {
  const record = committee.versions[version];
  if (record === undefined || !isOpen(committee, version)) return refuse("Committee_NoSuchProposal");
  record.withdrawn = true;
}

function isOpen(committee: Committee, version: number): boolean {
  const record = committee.versions[version];
  if (record === undefined || version === 0 || record.rotation || record.withdrawn) return false;
  return record.base === eraOf(committee) && record.completedAt === never;
}

/** R37: new members all consent, and q of the present ones, whether or not they stay. */
export function consent(world: World, index: number, version: number, keeper: number, block: number): void {
  const committee = committeeOf(world, index);
  if (!isOpen(committee, version)) refuse("Committee_NoSuchProposal");
  const record = versionOf(committee, version);
  const { operators: present, resigned } = versionOf(committee, committee.version);
  new Checks()
    .refuse(![...record.operators, ...present].includes(keeper), "Committee_NotMember")
    .refuse(record.consents.has(keeper), "Committee_AlreadyConsented")
    .end();
  record.consents.add(keeper);
  // A member that resigned is not drawn in again by others.
  const isNew = (operator: number): boolean => !present.includes(operator) || resigned.has(operator);
  const lacking = record.operators.filter((o) => isNew(o) && !record.consents.has(o));
  const agreed = present.filter((operator) => record.consents.has(operator));
  if (lacking.length > 0 || agreed.length < quorum(committee)) return;
  record.keys = record.operators.map((operator) => world.keys[operator] ?? 0);
  complete(committee, version, block);
}

/** R37: a member resigns, also from a complete version that waits; its seats stay until a handover. */
export function resign(committee: Committee, keeper: number): void {
  const waits = waiting(committee).filter((version) => !versionOf(committee, version).rotation);
  const left = [committee.version, ...waits]
    .map((version) => versionOf(committee, version))
    .filter(({ operators, resigned }) => operators.includes(keeper) && !resigned.has(keeper));
  if (left.length === 0) refuse("Committee_NothingToResign");
  for (const { resigned } of left) resigned.add(keeper);
}

/** R38: the convener lets a group into its closed committee, or takes that back. */
export function invite(committee: Committee, group: number, invited: boolean): void {
  if (invited) committee.invited.add(group);
  else committee.invited.delete(group);
}

/** A member puts its present registry key into its seats: a version without anybody else's consent (R37). */
export function rotateSeat(world: World, index: number, keeper: number, block: number): void {
  const committee = committeeOf(world, index);
  const present = versionOf(committee, committee.version);
  const waits = waiting(committee).map((version) => versionOf(committee, version));
  const rotated = waits.find(({ rotation }) => rotation);
  const key = found(world.keys[keeper], "key");
  // It joins what waits: otherwise one member could put off another's key.
  const seats = [...waits, ...(rotated === undefined ? [present] : [])].filter(({ operators }) =>
    operators.includes(keeper),
  );
  const stale = seats.filter(({ operators, keys }) => keys[operators.indexOf(keeper)] !== key);
  new Checks()
    .refuse(seats.length === 0, "Committee_NotMember")
    .refuse(seats.length > 0 && stale.length === 0, "Committee_SameKey")
    .end();
  for (const record of stale) {
    const seat = record.operators.indexOf(keeper);
    if (record !== present) record.keys[seat] = key;
    else startRotation(committee, record.keys.with(seat, key), block);
  }
}

function startRotation(committee: Committee, keys: number[], block: number): void {
  committee.versions.push({
    operators: [...versionOf(committee, committee.version).operators],
    keys,
    base: eraOf(committee),
    consents: new Set(),
    rotation: true,
    withdrawn: false,
    resigned: new Set(),
    completedAt: never,
    from: never,
  });
  complete(committee, committee.versions.length - 1, block);
}
