/** State of the executable model: plain data, written from the rules and not from the contracts. */

/** A block that is not known yet, or that never comes. */
export const never = Number.POSITIVE_INFINITY;

/** R4 */
export type Rhythm = { interval: number; turn: number; slot: number; answer: number; confirmations: number };

/** R33: what a provider commits from a block on. */
export type Data = { readonly from: number; readonly size: bigint; readonly price: bigint };

export type Provider = {
  /** Index of the operator's account. */
  readonly operator: number;
  data: Data[];
  /** How many of them a settlement or an abandon has passed. */
  settledChanges: number;
  leavesAt: number;
  byPayer: boolean;
  byProvider: boolean;
  closed: boolean;
  credit: bigint;
  withdrawn: bigint;
  arrears: bigint;
  /** R34: what was paid, and what was committed, in the last settled interval. */
  paid: bigint;
  committed: bigint;
};

/** R30, R32: what the members of one version of one committee earned in a group. */
export type Account = { earned: bigint[]; withdrawn: bigint[]; arrears: bigint };

export type Service = { committee: number; number: number; ceiling: number; from: number };

export type Group = {
  readonly lockup: number;
  readonly keeperShareBps: bigint;
  readonly keeperFee: bigint;
  /** Its payer is not the committees' convener. */
  readonly foreign: boolean;
  settledThrough: number;
  /** Block of the call that last moved settledThrough. */
  movedAt: number;
  service: Service | undefined;
  next: Service | undefined;
  /** The first block that the present service does not cover. */
  left: number;
  endBlock: number;
  providers: Provider[];
  /** Last sequence number that an operator's account used. */
  sequences: Map<number, number>;
  deposited: bigint;
  paidOut: bigint;
  /** By committee and version. */
  accounts: Map<string, Account>;
  arrearsSince: number;
  /** Block of the latest change of any provider's data: no change takes effect before one that was made earlier. */
  latestChange: number;
};

export type Membership = {
  readonly group: number;
  ceiling: number;
  readonly entered: number;
  left: number;
  freed: boolean;
};

export type Version = {
  /** Keepers, by index of their account, in contract order. */
  operators: number[];
  /** Key of each member: how many rotations it had made. */
  keys: number[];
  base: number;
  consents: Set<number>;
  rotation: boolean;
  withdrawn: boolean;
  /** Keepers that resigned from it. */
  resigned: Set<number>;
  completedAt: number;
  from: number;
};

export type Entry = {
  readonly number: number;
  readonly group: number;
  readonly items: readonly { readonly provider: number; readonly spaceTime: bigint }[];
};

export type Certificate = {
  readonly ts: number;
  readonly te: number;
  readonly version: number;
  readonly leader: number;
  readonly failed: readonly number[];
  readonly payees: readonly number[];
  readonly entries: readonly Entry[];
};

export type Remembered = { readonly certificate: Certificate; readonly acceptedAt: number };

export type Committee = {
  readonly rhythm: Rhythm;
  readonly n: number;
  readonly origin: number;
  readonly leastKeeperFee: bigint;
  readonly leastKeeperShareBps: bigint;
  readonly mostProviders: number;
  certifiedThrough: number;
  version: number;
  versions: Version[];
  memberships: Map<number, Membership>;
  /** Groups that the convener lets in (R38); its own need no invitation. */
  invited: Set<number>;
  remembered: Map<number, Remembered>;
};

export type World = {
  committees: Committee[];
  groups: Group[];
  /** Rotations that each keeper has made in the registry. */
  keys: number[];
};

/** An error that the rules allow, and its arguments where they say them. */
export type Reason = { readonly error: string; readonly args?: readonly bigint[] };

/** A call that the rules refuse, with every reason that applies: the order in which they are checked is free. */
export class Refused extends Error {
  readonly reasons: readonly Reason[];

  constructor(reasons: readonly Reason[]) {
    super(reasons.map(({ error }) => error).join(" or "));
    this.reasons = reasons;
  }
}

/** Collects the reasons to refuse a call. */
export class Checks {
  readonly #reasons: Reason[] = [];

  refuse(when: boolean, error: string, args?: readonly bigint[]): this {
    if (when) this.#reasons.push(args === undefined ? { error } : { error, args });
    return this;
  }

  /** @throws Refused if there is a reason */
  end(): void {
    if (this.#reasons.length > 0) throw new Refused(this.#reasons);
  }
}

export function refuse(error: string): never {
  throw new Refused([{ error }]);
}

export type Outcome<Result> = { next: World; result: Result } | { next: World; refused: Refused };

/** Plays a call on a copy, so that a refused call leaves nothing behind. */
export function attempt<Result>(world: World, call: (next: World) => Result): Outcome<Result> {
  const next = structuredClone(world);
  try {
    return { next, result: call(next) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { next: world, refused: error };
  }
}

export function groupOf(world: World, group: number): Group {
  return found(world.groups[group], `group ${group}`);
}

export function committeeOf(world: World, committee: number): Committee {
  return found(world.committees[committee], `committee ${committee}`);
}

export function found<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new Error(`${what}: expected in the model`);
  return value;
}

export function newGroup(
  config: Pick<Group, "lockup" | "keeperShareBps" | "keeperFee" | "foreign">,
  block: number,
): Group {
  return {
    ...config,
    settledThrough: block,
    movedAt: block,
    service: undefined,
    next: undefined,
    left: never,
    endBlock: never,
    providers: [],
    sequences: new Map(),
    deposited: 0n,
    paidOut: 0n,
    accounts: new Map(),
    arrearsSince: 0,
    latestChange: 0,
  };
}
