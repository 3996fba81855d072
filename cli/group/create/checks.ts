/** Checks before a group is created: chain, block time, committee, keepers, providers and money. */
import { formatEther, getAddress, type JsonRpcProvider } from "ethers";
import { predictGroup } from "../../../client/group-plans.ts";
import { brokenBound, lockupBound } from "../../../protocol/group-bounds.ts";
import { quorum } from "../../../protocol/quorum.ts";
import { termsText } from "../../../client/committee-plans.ts";
import { CommitteeView } from "../../../client/committee-view.ts";
import { registeredKeeper, registeredProvider, registryAt } from "../../../client/registry.ts";
import { tokenBalance } from "../../../client/token.ts";
import { formatAmount, type Token } from "../../../client/units.ts";
import { exitCodes } from "../../console/exit.ts";
import type { GroupFile } from "../files/group.ts";
import { fail, ok, warn, type CheckItem } from "../../console/check-item.ts";
import { exists } from "../../console/output-file.ts";
import { reachableParties } from "../../chain/reachable.ts";
import { counted } from "../../../protocol/counted.ts";

export type PlannedGroup = {
  readonly file: GroupFile;
  readonly factory: string;
  readonly registry: string;
  readonly lens: string;
  readonly token: Token;
  /** Token units; may be 0. */
  readonly deposit: bigint;
  /** Token units that the lockup of all providers and the fee need. */
  readonly reserve: bigint;
  /** The providers' different prices, each as token units per 2^64 byte·blocks and per TiB and month. */
  readonly prices: readonly { readonly price: bigint; readonly perMonth: bigint }[];
  /** Token units, for all data at full proof and the fee. */
  readonly costPerMonth: bigint;
  readonly payer: string;
  /** Upper bound of the cost of all transactions in wei, deposited coin included. */
  readonly maxCost: bigint;
};

/** A larger difference between the assumed and the measured block time is a warning. */
const paceFactor = 1.5;

/** Runs all checks, in the order in which they are printed. */
export async function checkGroup(provider: JsonRpcProvider, plan: PlannedGroup): Promise<CheckItem[]> {
  const registered = await checkParties(provider, plan);
  const shared = plan.file.committee !== undefined;
  return [
    await checkChain(provider, plan),
    ...(shared ? [await checkCommittee(provider, plan)] : [checkRules(plan), await checkConsentFiles(plan)]),
    ...registered,
    checkPrice(plan),
    checkDeposit(plan),
    ...(await checkMoney(provider, plan)),
  ];
}

async function checkChain(provider: JsonRpcProvider, { file }: PlannedGroup): Promise<CheckItem> {
  const { chainId } = await provider.getNetwork();
  const { preset } = file;
  if (preset === undefined) return ok("chain", `chain ${chainId}; the file names no preset`);
  if (chainId !== BigInt(preset.chainId)) {
    const found = `preset ${preset.name} is for chain ${preset.chainId}, but the endpoint serves chain ${chainId}`;
    return fail("chain", found, "correct preset or chain.rpc", exitCodes.usage);
  }
  return ok("chain", `chain ${chainId}, as in preset ${preset.name}`);
}

/** Compares the block time of the file with the last blocks of the chain. */
export function checkPace(assumed_s: number | undefined, measured_s: number): CheckItem {
  const name = "block time";
  const measured = `${Number(measured_s.toPrecision(3))} s over the last blocks`;
  if (assumed_s === undefined) return ok(name, `${measured}; prices and times are computed from it`);
  const factor = assumed_s > measured_s ? assumed_s / measured_s : measured_s / assumed_s;
  if (factor <= paceFactor) return ok(name, `${measured}; the file assumes ${assumed_s} s`);
  return warn(
    name,
    `${measured}, but the file assumes ${assumed_s} s: a month costs ${Number((assumed_s / measured_s).toPrecision(3))} times the amount computed from the file`,
    "correct preset or blockTime_s if the chain keeps this block time",
  );
}

/** R38: what a group must meet to enter a shared committee. */
async function checkCommittee(provider: JsonRpcProvider, plan: PlannedGroup): Promise<CheckItem> {
  const { file, lens, token } = plan;
  const { config, ceiling } = file;
  const name = "committee";
  const address = file.committee ?? "";
  const { terms, originBlock, reserved, size, rhythm, convener } = await new CommitteeView(provider, {
    address,
    lens,
  }).page();
  const least = lockupBound(rhythm, size);
  const left = terms.mostProviders - reserved;
  const bounds: readonly (readonly [holds: boolean, text: string])[] = [
    [originBlock !== undefined, "it is not formed yet"],
    [getAddress(terms.token) === getAddress(config.token), `it is paid in ${terms.token}`],
    [
      config.keeperFee >= terms.leastKeeperFee,
      `keeperFee: at least ${terms.leastKeeperFee} (${formatAmount(terms.leastKeeperFee, token)})`,
    ],
    [
      config.keeperShareBps >= terms.leastKeeperShareBps,
      `keeperShareBps: at least ${terms.leastKeeperShareBps}`,
    ],
    [config.lockup >= least, `lockup: at least ${least}`],
    [ceiling <= left, `ceiling: at most ${left}, of ${terms.mostProviders}`],
  ];
  const broken = bounds.filter(([holds]) => !holds).map(([, text]) => text);
  if (broken.length > 0) {
    const remedy = "correct the file, or choose another committee";
    return fail(name, `${address} refuses the group (R38): ${broken.join("; ")}`, remedy, exitCodes.refused);
  }
  const text = await termsText(provider, terms);
  const found = `${address}, ${counted(size, "keeper")}, ${counted(left, "provider")} left; terms: ${text}`;
  if (terms.open || getAddress(convener) === getAddress(plan.payer)) return ok(name, found);
  const { factory, payer } = plan;
  const group = await predictGroup(provider, payer, { factory, config, committee: address });
  return warn(
    name,
    found,
    `its convener ${convener} must let the group in first: whitepay group invite --group ${group}`,
  );
}

/** R4: what the contracts would refuse in a later transaction, for instance when the group enters its committee. */
function checkRules({ file: { rhythm, config, keepers } }: PlannedGroup): CheckItem {
  const broken = brokenBound({ ...rhythm, ...config }, keepers.length);
  if (broken === undefined) return ok("rules", "the contracts accept these blocks and shares (R4)");
  const { rule, expected, actual } = broken;
  const found = `R4: ${rule}: expected ${expected}, actual ${actual}`;
  return fail(
    "rules",
    found,
    "correct `blocks` in the file; `preset` has values that fit",
    exitCodes.refused,
  );
}

/** What the payer pays at most, in the terms of people and of the contract. */
function checkPrice({ prices, costPerMonth, token }: PlannedGroup): CheckItem {
  const texts = prices.map(
    ({ price, perMonth }) =>
      `${formatAmount(perMonth, token)} a TiB and month (${counted(price, "unit")} per 2^64 byte·blocks)`,
  );
  const all = formatAmount(costPerMonth, token);
  return ok("price", `${texts.join(" or ")}; with the fee ${all} a month for all data`);
}

/** R37: a private committee is formed by the consents of all its members. */
async function checkConsentFiles({ file }: PlannedGroup): Promise<CheckItem> {
  const { consents, keepers } = file;
  const missing: string[] = [];
  for (const path of consents) if (!(await exists(path))) missing.push(path);
  const present = consents.length - missing.length;
  const found = `consents present: ${present} of ${keepers.length}`;
  if (present === keepers.length) return ok("consents", found);
  const away = missing.length === 0 ? "" : `, missing: ${missing.join(", ")}`;
  const remedy =
    "each keeper signs the output of whitepay group draft; list the files in `consents` of the group file";
  return fail("consents", `${found}${away}`, remedy);
}

async function checkParties(provider: JsonRpcProvider, plan: PlannedGroup): Promise<CheckItem[]> {
  const registry = registryAt(plan.registry, provider);
  const operators = plan.file.providers.map(({ operator }) => operator);
  const keepers = await Promise.all(
    plan.file.keepers.map(async (operator) => ({
      operator,
      ...(await registeredKeeper(registry, operator)),
    })),
  );
  const providers = await Promise.all(
    operators.map(async (operator) => ({ operator, ...(await registeredProvider(registry, operator)) })),
  );
  const places = await checkPlaces("providers", providers, providers.length);
  if (keepers.length === 0) return [places];
  return [await checkPlaces("keepers", keepers, quorum(keepers.length)), places];
}

type Party = {
  readonly operator: string;
  readonly registeredAt: number;
  readonly multiaddrs: readonly string[];
};

async function checkPlaces(
  name: "keepers" | "providers",
  parties: readonly Party[],
  needed: number,
): Promise<CheckItem> {
  const missing = parties.filter(({ registeredAt }) => registeredAt === 0);
  if (missing.length > 0) {
    const operators = missing.map(({ operator }) => operator).join(", ");
    const command = name === "keepers" ? "whitepay keeper register" : "whitepay provider register";
    return fail(
      name,
      `not registered: ${operators}`,
      `correct the addresses, or ask their operators to run ${command}`,
    );
  }
  const up = await reachableParties(parties);
  const count = up.filter(Boolean).length;
  const found = `${parties.length} registered, ${count} reachable from here`;
  if (count >= parties.length) return ok(name, found);
  const away = parties.filter((_, index) => up[index] !== true).map(({ operator }) => operator);
  const enough = count >= needed ? "" : `; a settlement needs ${needed} of them`;
  return warn(name, `${found}${enough}`, `ask their operators whether these run: ${away.join(", ")}`);
}

/** R32: the contract accepts a provider only if the escrow covers the lockup of its data. */
function checkDeposit({ file, deposit, reserve, token }: PlannedGroup): CheckItem {
  const { lockup } = file.config;
  const needed = `all providers and the fee need ${formatAmount(reserve, token)} in the escrow for the lockup of ${counted(lockup, "block")} (R32)`;
  if (deposit >= reserve) return ok("deposit", `${formatAmount(deposit, token)}; ${needed}`);
  if (file.deposit === undefined && file.months === undefined) {
    return warn(
      "deposit",
      `none; ${needed}`,
      "set deposit or months in the file, or use whitepay group fund",
    );
  }
  const remedy = `deposit at least ${formatAmount(reserve, token)}; whitepay group quote computes a deposit`;
  return fail("deposit", `${formatAmount(deposit, token)}; ${needed}`, remedy, exitCodes.funds);
}

async function checkMoney(provider: JsonRpcProvider, plan: PlannedGroup): Promise<CheckItem[]> {
  const { payer, token, deposit, maxCost } = plan;
  const items: CheckItem[] = [];
  if (BigInt(token.address) !== 0n) {
    const balance = await tokenBalance(provider, token, payer);
    const found = `${payer} has ${formatAmount(balance, token)}`;
    const remedy = `send ${formatAmount(deposit - balance, token)} more to it, or deposit less`;
    items.push(balance >= deposit ? ok("token", found) : fail("token", found, remedy, exitCodes.funds));
  }
  const balance = await provider.getBalance(payer);
  const found = `${payer} has ${formatEther(balance)} of the chain's coin; all transactions cost at most ${formatEther(maxCost)}`;
  const remedy = `send ${formatEther(maxCost - balance)} more to it`;
  items.push(balance >= maxCost ? ok("coin", found) : fail("coin", found, remedy, exitCodes.funds));
  return items;
}
