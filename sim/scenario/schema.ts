/** Scenario files: faults, their times, and the expected result. */
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { brokenBound, lockupBound } from "../../protocol/group-bounds.ts";
import { isCommitteeSize } from "../../protocol/quorum.ts";
import { behaviours } from "../byzantine/behaviours.ts";
import type { BehaviourName, BehaviourParameters } from "../byzantine/behaviours.ts";

const phases = ["announce", "commit", "close", "reveal", "decide", "sign", "submit", "settle"] as const;
export type Phase = (typeof phases)[number];

const count = z.number().int().min(1);
const blocks = count.max(10_000);
const index = z.number().int().min(0);
const share = z.number().min(0).max(1);
const delay = z.tuple([z.number().int().min(0), z.number().int().max(60_000)]);

/** A block, or a phase of the round that is to settle interval number `settlement` (from 1). */
const when = z.union([
  z.strictObject({ block: count }),
  z.strictObject({ settlement: count, phase: z.enum(phases) }),
]);
const keeper = z.union([z.literal("leader"), index]);
const timed = { when, forBlocks: blocks };
const ofKeeper = { ...timed, keeper };
const ofProvider = { when, provider: index };
const ofGroup = { group: index.default(0) };

/** `collude`: a provider proves all its data to this keeper, even if it lost data or is offline. */
const names = ["collude", ...(Object.keys(behaviours) as BehaviourName[])] as const;
type Parameter = keyof BehaviourParameters | "provider";
/** The parameter of each behaviour that has one. */
const parametersOf: Partial<Record<(typeof names)[number], Parameter>> = {
  inflate: "factor",
  flood: "messages",
  lazy: "oneIn",
  "forge-receipts": "oneIn",
  "borrow-receipts": "oneIn",
  censor: "victim",
  "omit-reveal": "victim",
  "close-twice": "victim",
  collude: "provider",
};

const faultSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("crash"), ...ofKeeper }),
  z.strictObject({ kind: z.literal("restart"), when, keeper }),
  z.strictObject({ kind: z.literal("pause"), ...ofKeeper }),
  z.strictObject({ kind: z.literal("torn-write"), ...ofKeeper }),
  z.strictObject({ kind: z.literal("disk-full"), ...ofKeeper }),
  z.strictObject({ kind: z.literal("old-data"), when, keeper, from: count }),
  z.strictObject({ kind: z.literal("twin"), ...ofKeeper }),
  z.strictObject({
    kind: z.literal("partition"),
    when,
    groups: z.array(z.array(index)).min(2),
    untilBlock: count,
  }),
  z.strictObject({
    kind: z.literal("one-way"),
    when,
    from: z.array(index),
    to: z.array(index),
    untilBlock: count,
  }),
  z.strictObject({ kind: z.literal("loss"), ...timed, share }),
  z.strictObject({ kind: z.literal("delay"), ...timed, delayMs: delay }),
  z.strictObject({ kind: z.literal("duplicate"), ...timed, share }),
  z.strictObject({ kind: z.literal("reorg"), when, depth: count.max(20) }),
  /** `behind`: distance from the head to the endpoint's last block; a keeper that starts then begins there. */
  z.strictObject({
    kind: z.literal("rpc-stale"),
    ...ofKeeper,
    behind: z.number().int().min(0).max(10_000).optional(),
  }),
  z.strictObject({ kind: z.literal("rpc-down"), ...ofKeeper }),
  z.strictObject({ kind: z.literal("rpc-wrong-chain"), ...ofKeeper }),
  z.strictObject({ kind: z.literal("tx-stuck"), ...ofKeeper }),
  z.strictObject({ kind: z.literal("tx-lost"), ...ofKeeper }),
  z.strictObject({ kind: z.literal("gas-spike"), ...timed }),
  z.strictObject({
    kind: z.literal("byzantine"),
    when,
    keeper,
    behaviour: z.enum(names),
    factor: z.number().positive().max(1_000).optional(),
    messages: count.max(10_000).optional(),
    oneIn: count.optional(),
    victim: index.optional(),
    provider: index.optional(),
    forBlocks: blocks.optional(),
  }),
  z.strictObject({ kind: z.literal("lose-data"), ...ofProvider, fraction: share }),
  z.strictObject({ kind: z.literal("offline"), ...ofProvider, forBlocks: blocks }),
  z.strictObject({ kind: z.literal("slow"), ...ofProvider, forBlocks: blocks }),
  z.strictObject({ kind: z.literal("hang"), ...ofProvider, forBlocks: blocks }),
  z.strictObject({ kind: z.literal("corrupt"), ...ofProvider, forBlocks: blocks }),
  z.strictObject({ kind: z.literal("replay"), ...ofProvider, forBlocks: blocks }),
  z.strictObject({ kind: z.literal("selective"), ...ofProvider, keepers: z.array(index), forBlocks: blocks }),
  /** The provider gives this keeper no piece list. */
  z.strictObject({ kind: z.literal("withhold-list"), ...ofProvider, keeper, forBlocks: blocks }),
  z.strictObject({ kind: z.literal("return"), ...ofProvider }),
  z.strictObject({ kind: z.literal("under-funded"), ...timed, ...ofGroup }),
  /** The payer takes out what is not required, and deposits nothing for a while (R32). */
  z.strictObject({ kind: z.literal("shortage"), ...timed, ...ofGroup }),
  z.strictObject({ kind: z.literal("change-data"), ...ofProvider, ...ofGroup, bytes: count }),
  z.strictObject({ kind: z.literal("remove-provider"), ...ofProvider, ...ofGroup }),
  /** Another keeper gets this one's seat, in every committee. */
  z.strictObject({ kind: z.literal("change-members"), when, keeper: index }),
  /** Other keepers get the seats of these at once, in every committee (R37). */
  z.strictObject({ kind: z.literal("handover"), when, keepers: z.array(index).min(1) }),
  /** A keeper resigns from its seat in a committee (R37). */
  z.strictObject({ kind: z.literal("resign"), when, keeper: index, committee: index.default(0) }),
  z.strictObject({ kind: z.literal("terminate"), when, ...ofGroup }),
  /** Another group enters a committee (R38). */
  z.strictObject({ kind: z.literal("join"), when, committee: index.default(0) }),
  /** A group moves to another committee. */
  z.strictObject({ kind: z.literal("move"), when, ...ofGroup, to: index }),
  /** A member releases a group, if the rule allows it. */
  z.strictObject({ kind: z.literal("release"), when, ...ofGroup }),
]);
export type Fault = z.infer<typeof faultSchema>;
export type FaultKind = Fault["kind"];
export const faultKinds = faultSchema.options.map((option) => option.shape.kind.value);

const params = z
  .strictObject({
    interval: blocks.default(60),
    turn: blocks.default(30),
    slot: blocks.default(5),
    answer: count.default(2),
    confirmations: z.number().int().min(0).default(1),
    toleranceBps: z.number().int().min(0).max(10_000).default(100),
  })
  .prefault({});

const fields = z.strictObject({
  name: z.string().min(1),
  committee: count.refine(isCommitteeSize, "expected 3f+1: 4, 7, 10, …, 124").default(4),
  /** Committees, all with the same members and rhythm. */
  committees: count.max(4).default(1),
  /** Groups from the start; group g enters committee g mod `committees`. */
  groups: count.max(64).default(1),
  /** The number of providers, or the bytes of each. Every group has all of them. */
  providers: z.union([count.max(64), z.array(count).min(1).max(64)]).default(3),
  params,
  settlements: count.max(100_000).default(5),
  blockMs: delay.default([900, 1300]),
  network: z
    .strictObject({
      delayMs: delay.default([5, 80]),
      loss: share.default(0),
      duplicate: share.default(0),
      /** Delays are drawn per message, so messages overtake each other unless this is false. */
      reorder: z.boolean().default(true),
    })
    .prefault({}),
  faults: z.array(faultSchema).max(1_000).default([]),
  expect: z
    .strictObject({
      settled: z.number().int().min(0).optional(),
      violations: z.number().int().min(0).default(0),
    })
    .prefault({}),
});
export type Scenario = z.infer<typeof fields>;

/** The shortest lockup that a committee with this rhythm takes (R4). */
export function lockupOf({ params, committee }: Pick<Scenario, "params" | "committee">): number {
  return lockupBound(params, committee);
}

/** A scenario's group as R4 bounds it. Its price and the keepers' share are the simulator's. */
function boundedParams(scenario: Pick<Scenario, "params" | "committee">) {
  return { ...scenario.params, lockup: lockupOf(scenario), keeperShareBps: 1000 };
}

/** R4: a scenario is played only with a group that the contract takes. */
export const scenarioSchema = fields.superRefine((scenario, context) => {
  const broken = brokenBound(boundedParams(scenario), scenario.committee);
  if (broken === undefined) return;
  const { rule, expected, actual } = broken;
  const message = `no contract takes this group (R4): ${rule}: expected ${expected}, actual ${actual}`;
  context.addIssue({ code: "custom", path: ["params"], message });
});

/** An invalid scenario file, with the line where one is known. */
export class ScenarioError extends Error {}

/** @throws ScenarioError */
export function parseScenario(text: string, path: string): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntax = document.errors[0];
  if (syntax !== undefined) throw new ScenarioError(`${path}: ${syntax.message}`);
  const result = scenarioSchema.safeParse(document.toJS());
  if (!result.success) {
    const [issue] = result.error.issues;
    const where = issue?.path.map(String) ?? [];
    const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
    const line = lineOf(document, lines, unknown === undefined ? where : [...where, unknown]);
    const at = line === undefined ? path : `${path}:${line}`;
    const place = where.length > 0 ? `${where.join(".")}: ` : "";
    throw new ScenarioError(`${at}: ${place}${issue?.message ?? "not a scenario"}`);
  }
  const scenario = result.data;
  const outside = outOfRange(scenario);
  if (outside !== undefined) throw new ScenarioError(`${path}: ${outside}`);
  return scenario;
}

type Document = ReturnType<typeof parseDocument>;

/** Line of the deepest part of `where` that the document has. */
function lineOf(document: Document, lines: LineCounter, where: readonly string[]): number | undefined {
  for (let depth = where.length; depth > 0; depth--) {
    const node = document.getIn(where.slice(0, depth), true) as
      | { range?: [number, number, number] }
      | undefined;
    if (node?.range !== undefined) return lines.linePos(node.range[0]).line;
  }
  return undefined;
}

export function providerBytes({ providers }: Scenario): number[] {
  return typeof providers === "number"
    ? Array.from({ length: providers }, (_, i) => 1_000_000 * (i + 1))
    : [...providers];
}

/** Number of keepers outside the committee: one for each keeper that the scenario replaces. */
export function spares({ faults }: Scenario): number {
  return faults.reduce((sum, fault) => {
    if (fault.kind === "handover") return sum + fault.keepers.length;
    return fault.kind === "change-members" ? sum + 1 : sum;
  }, 0);
}

/** The reason why a keeper, provider or parameter that a fault names is wrong; undefined: all are right. */
function outOfRange(scenario: Scenario): string | undefined {
  const providers = providerBytes(scenario).length;
  for (const [i, fault] of scenario.faults.entries()) {
    const wrong =
      keeperOutOfRange(fault, scenario.committee) ??
      wrongParameter(fault) ??
      providerOutOfRange(fault, providers) ??
      placeOutOfRange(fault, scenario);
    if (wrong !== undefined) return `faults.${i}: ${wrong}`;
  }
  return undefined;
}

/** All keepers that a fault names by number, and "leader" where it names the leader. */
function keepersIn(fault: Fault): (number | string)[] {
  return [
    "keeper" in fault ? fault.keeper : [],
    "groups" in fault ? fault.groups : [],
    "from" in fault && Array.isArray(fault.from) ? fault.from : [],
    "to" in fault && Array.isArray(fault.to) ? fault.to : [],
    "keepers" in fault ? fault.keepers : [],
    "victim" in fault && fault.victim !== undefined ? fault.victim : [],
  ].flat(2);
}

function keeperOutOfRange(fault: Fault, committee: number): string | undefined {
  const wrong = keepersIn(fault).find((keeper) => typeof keeper === "number" && keeper >= committee);
  return wrong === undefined ? undefined : `keeper: expected below ${committee}, actual ${wrong}`;
}

/** A behaviour takes its own parameter only, and `collude` needs one. */
function wrongParameter(fault: Fault): string | undefined {
  if (fault.kind !== "byzantine") return undefined;
  const { behaviour } = fault;
  const foreign = (["factor", "messages", "oneIn", "victim", "provider"] as const).find(
    (name) => fault[name] !== undefined && parametersOf[behaviour] !== name,
  );
  if (foreign !== undefined) return `${foreign} is no parameter of ${behaviour}`;
  return behaviour === "collude" && fault.provider === undefined
    ? `provider: expected the one that ${behaviour} is about`
    : undefined;
}

function placeOutOfRange(fault: Fault, { groups, committees, faults }: Scenario): string | undefined {
  const most = groups + faults.filter(({ kind }) => kind === "join").length;
  if ("group" in fault && fault.group >= most) return `group: expected below ${most}, actual ${fault.group}`;
  const committee =
    fault.kind === "move" ? fault.to : fault.kind === "join" || fault.kind === "resign" ? fault.committee : 0;
  return committee < committees ? undefined : `committee: expected below ${committees}, actual ${committee}`;
}

function providerOutOfRange(fault: Fault, providers: number): string | undefined {
  if (!("provider" in fault) || fault.provider === undefined || fault.provider < providers) return undefined;
  return `provider: expected below ${providers}, actual ${fault.provider}`;
}
