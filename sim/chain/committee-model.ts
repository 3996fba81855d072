/** A model of `Committee`, written from R2, R5, R6, R25, R29, R37 and R38 without the contract's code. It holds no money. */
import { copyOf, refuse } from "./rules.ts";

export type Rhythm = {
  origin: number;
  interval: number;
  turn: number;
  slot: number;
  answer: number;
  confirmations: number;
  toleranceBps: number;
};

export type VersionModel = {
  version: number;
  /** Keepers of the world by seat. */
  members: number[];
  /** Seats that resigned. */
  resigned: number[];
  /** Block of the last consent; the version takes effect with the first certificate whose te lies after it. */
  completedAt: number;
};

export type MembershipModel = {
  number: number;
  /** Index of the group in the world. */
  group: number;
  ceiling: number;
  entered: number;
  /** 0 while it is not known. */
  left: number;
};

/** Upper 200 bits of a struct hash, as text. */
export type RememberedModel = { ts: number; te: number; hash: string };

export type CertifyInput = {
  ts: number;
  te: number;
  version: number;
  leader: number;
  failed: number[];
  payees: number[];
  signers: number[];
  count: number;
};

export class CommitteeModel {
  readonly index: number;
  readonly rhythm: Rhythm;
  ts: number;
  versions: VersionModel[];
  active = 1;
  /** The complete version that waits for a certificate; 0: none. */
  next = 0;
  memberships: MembershipModel[] = [];
  remembered: RememberedModel[] = [];

  constructor(index: number, rhythm: Rhythm, members: number[]) {
    this.index = index;
    this.rhythm = rhythm;
    this.ts = rhythm.origin;
    this.versions = [{ version: 1, members, resigned: [], completedAt: rhythm.origin }];
  }

  clone(): CommitteeModel {
    const copy = new CommitteeModel(this.index, this.rhythm, []);
    return Object.assign(copy, copyOf({ ...this, rhythm: undefined }), { rhythm: this.rhythm });
  }

  versionOf(version: number): VersionModel | undefined {
    return this.versions.find((one) => one.version === version);
  }

  get members(): number[] {
    return this.versionOf(this.active)?.members ?? [];
  }

  get n(): number {
    return this.members.length;
  }

  get f(): number {
    return (this.n - 1) / 3;
  }

  /** R5: nothing to certify. */
  get idle(): boolean {
    return this.memberships.every(({ left }) => left !== 0 && left <= this.ts);
  }

  membership(number: number): MembershipModel | undefined {
    return this.memberships.find((one) => one.number === number);
  }

  /** R38: the first slot boundary more than `confirmations` blocks after a call. */
  firstSlotFrom(block: number): number {
    const { origin, slot, confirmations } = this.rhythm;
    let start = origin;
    while (start <= block + confirmations) start += slot;
    return start;
  }

  /** R38. @returns the number of the membership */
  enter(group: number, ceiling: number, entered: number): number {
    // R5: in an idle committee the next interval begins with the group that begins first.
    if (this.idle || this.ts > entered) this.ts = entered;
    const number = this.memberships.length + 1;
    this.memberships.push({ number, group, ceiling, entered, left: 0 });
    return number;
  }

  endMembership(number: number, left: number): void {
    const one = this.membership(number) ?? refuse("Committee_NoSuchGroup");
    if (left < one.entered) refuse("Committee_EndsBeforeEntry");
    one.left = left;
  }

  /** R29. `signed` verifies the signature. Members that sign are those of the version in force before. */
  certify(block: number, sender: number, input: CertifyInput, signed: () => boolean): void {
    const { ts, te, version, leader, failed, payees, signers } = input;
    const { interval, turn } = this.rhythm;
    if (ts !== this.ts) refuse("Committee_StaleStart");
    const late = te - ts - interval;
    if (late < 0 || late % turn !== 0) refuse("Committee_WrongEnd");
    if (block < te) refuse("Committee_TooEarly");
    if (block >= te + turn) refuse("Committee_TooLate");
    if (version !== this.active) refuse("Committee_WrongVersion");
    if (leader >= this.n) refuse("Committee_NoSuchMember");
    if ([...failed, ...payees, ...signers].some((seat) => seat >= this.n))
      refuse("Committee_BitmapOutOfRange");
    if (signers.length < 2 * this.f + 1) refuse("Committee_TooFewSigners");
    if (failed.length !== Math.min(late / turn, this.f)) refuse("Committee_WrongFailedCount");
    if (failed.includes(leader)) refuse("Committee_LeaderFailed");
    if (payees.some((payee) => failed.includes(payee))) refuse("Committee_FailedPayee");
    if (sender !== leader && block < te + Math.ceil((2 * turn) / 3)) refuse("Committee_NotLeader");
    if (sender < 0) refuse("Committee_NotMember");
    if (!signed()) refuse("Committee_BadSignature");
    this.ts = te;
    const next = this.versionOf(this.next);
    if (next === undefined || next.completedAt >= te) return;
    this.active = this.next;
    this.next = 0;
  }

  /** R37: a version with all consents that it needs, complete in this block. In an idle committee it takes effect at once. */
  complete(block: number, members: number[]): void {
    if (this.next !== 0) refuse("Committee_ProposalOpen");
    if (members.length !== this.n) refuse("Committee_OtherSize"); // R2
    if (new Set(members).size !== members.length) refuse("Committee_DuplicateMember");
    const version = Math.max(...this.versions.map((one) => one.version)) + 1;
    this.versions.push({ version, members, resigned: [], completedAt: block });
    if (this.idle) this.active = version;
    else this.next = version;
  }

  resign(keeper: number): void {
    const active = this.versionOf(this.active);
    const seat = active?.members.indexOf(keeper) ?? -1;
    if (active === undefined || seat < 0 || active.resigned.includes(seat))
      refuse("Committee_NothingToResign");
    active.resigned.push(seat);
  }
}
