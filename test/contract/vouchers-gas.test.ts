/** Measures what paid reading costs, compares it with docs/figures/gas-vouchers.md, and derives the bound on claims (R47). */
import { type Contract, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { range } from "../support/contracts/basics.ts";
import { deployContract, gasCap } from "../support/contracts/chain.ts";
import { differences } from "../support/contracts/gas-report.ts";
import {
  mostClaims,
  VouchersWorld,
  type ClaimValue,
  type Named,
} from "../support/contracts/vouchers-world.ts";

const few = 2;
const many = 34;
let world: VouchersWorld;
let provider: Wallet;
const gas = new Map<string, number>();

beforeAll(async () => {
  world = await VouchersWorld.open();
  provider = await world.account("gas provider");
  const readers = await Promise.all(range(many).map((i) => world.account(`gas reader ${i}`)));
  await measureReader(readers[0] as Wallet);
  await measureClaims(readers);
  await measureTokens(readers[0] as Wallet);
}, 120_000);
afterAll(() => world.chain.close());

const used = async (call: Promise<{ gasUsed: bigint }>): Promise<number> => Number((await call).gasUsed);

async function measureReader(reader: Wallet): Promise<void> {
  const named = { reader, provider: await world.account("gas provider of one") };
  gas.set("a deposit opens a channel", await used(world.deposit(named, 1_000n)));
  const { expiry } = await world.channel(named);
  gas.set("a deposit into an open channel", await used(world.deposit(named, 1_000n, { expiry })));
  const claim = await world.claim(named, 10n);
  gas.set("a redemption with one claim", await used(world.redeem(named.provider, [claim])));
  await world.chain.before(Number(expiry));
  gas.set("a withdrawal", await used(world.withdraw(named)));
}

/** Gas of one more claim: all slots exist, as from the second redemption of a channel on. */
async function perClaim(all: readonly Named[], amount: bigint): Promise<number> {
  const redeem = async (count: number, promised: bigint): Promise<number> => {
    const claims: ClaimValue[] = [];
    for (const named of all.slice(0, count)) claims.push(await world.claim(named, promised));
    return used(world.redeem(provider, claims));
  };
  await redeem(many, amount);
  const [small, large] = [await redeem(few, amount + 1n), await redeem(many, amount + 2n)];
  return Math.round((large - small) / (many - few));
}

async function measureClaims(readers: readonly Wallet[]): Promise<void> {
  const all = readers.map((reader): Named => ({ reader, provider }));
  for (const named of all) await world.deposit(named, 10n ** 20n);
  gas.set("each further claim in the same token", await perClaim(all, 10n ** 18n));
  const worthless = await world.claim(all[0] as Named, 1n);
  const claim = await world.claim(all[1] as Named, 10n ** 19n);
  const call = async (skipped: number): Promise<number> => {
    const snapshot = await world.chain.rpc("evm_snapshot");
    const result = await used(world.redeem(provider, [...range(skipped).map(() => worthless), claim]));
    await world.chain.rpc("evm_revert", [snapshot]);
    return result;
  };
  gas.set("each further claim that is worth nothing", Math.round(((await call(11)) - (await call(1))) / 10));
}

/** Each claim in a token of its own, of which the provider has none yet. */
async function measureTokens(reader: Wallet): Promise<void> {
  const all: Named[] = [];
  for (const i of range(many)) {
    const token: Contract = await deployContract("DemoToken", reader, [`Token ${i}`, "T"]);
    await world.account("gas reader 0", token);
    all.push({ reader, provider, token: token.target as string });
  }
  for (const named of all) await world.deposit(named, 10n ** 20n);
  const redeem = async (from: number, count: number): Promise<number> => {
    const claims: ClaimValue[] = [];
    for (const named of all.slice(from, from + count)) claims.push(await world.claim(named, 10n ** 19n));
    return used(world.redeem(provider, claims));
  };
  const small = await redeem(0, few);
  const large = await redeem(few, many - few);
  gas.set(
    "each further claim in a token that is new to the receiver",
    Math.round((large - small) / (many - 2 * few)),
  );
}

describe("gas of paid reading", () => {
  it("fits the most claims into a transaction, each with a token of its own", () => {
    const each = gas.get("each further claim in a token that is new to the receiver") ?? Infinity;
    const first = gas.get("a redemption with one claim") ?? Infinity;
    expect(first + mostClaims * each).toBeLessThanOrEqual(gasCap);
    // Twice as many would not fit.
    expect(first + 2 * mostClaims * each).toBeGreaterThan(gasCap);
  });

  it("is what docs/figures/gas-vouchers.md says, to within a hundredth", () => {
    expect(differences("gas-vouchers.md", "| | gas |", [...gas])).toEqual([]);
  });
});
