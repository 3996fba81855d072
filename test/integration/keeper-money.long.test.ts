/** What a keeper earned in groups of several committees, as its commands find it: from its consents on the chain alone (R31, R39). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keeperBalances } from "../../client/withdrawals.ts";
import { tokenBalance } from "../../client/token.ts";
import type { Keeper } from "../../scripts/fleet/setup.ts";
import { runCli, type CliResult } from "../support/cli.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import type { Served } from "../support/contracts/client-world.ts";
import { keeperConfig, membersOf, payerScene, type PayerScene } from "../support/payer-scene.ts";

let scene: PayerScene;
let keeper: Keeper;
let config: string;
const committees: Committee[] = [];
const groups: Served[] = [];

const run = (...words: string[]): Promise<CliResult> => runCli([...words, "--config", config]);

beforeAll(async () => {
  scene = await payerScene({ keepers: 4 });
  const { world } = scene;
  keeper = scene.keepers[3] as Keeper;
  config = await keeperConfig(scene, keeper);
  // Two groups in one committee, one in another.
  for (const count of [2, 1]) {
    const committee = await world.form(membersOf(scene), { terms: { token: scene.token } });
    const served: Served[] = [];
    for (let i = 0; i < count; i++) {
      const group = await world.group(committee);
      await world.add(group.at, "a provider of every group");
      served.push(group);
    }
    await world.certify(committee, served);
    committees.push(committee);
    groups.push(...served);
  }
});
afterAll(() => scene.close());

/** Token units that the keeper may withdraw. */
async function earned(): Promise<bigint> {
  const of = { lens: scene.lens, operator: keeper.operator };
  const all = await Promise.all(
    committees.map(({ address }) => keeperBalances(scene.provider, { ...of, committee: address })),
  );
  return all.flat().reduce((sum, { balance }) => sum + balance, 0n);
}

describe("whitepay keeper withdraw", () => {
  it("sends the earnings in all groups of all committees to the payee, in one transaction", async () => {
    const { lens, token, provider } = scene;
    const due = await earned();
    expect(due).toBeGreaterThan(0n);
    const done = await run("keeper", "withdraw", "--lens", lens, "--yes", "--json");
    expect(done.code, done.stderr).toBe(0);
    expect(done.stderr).toContain("from 3 groups");
    const { transactions } = JSON.parse(done.stdout) as { transactions: object[] };
    expect(transactions).toMatchObject([{ method: "withdrawKeepers", sent: true }]);
    expect(await tokenBalance(provider, { address: token, symbol: "WPD", decimals: 18 }, keeper.payee)).toBe(
      due,
    );
    expect(await earned()).toBe(0n);
  });

  it("refuses a committee of no configured factory, and asks for the lens if none is configured", async () => {
    const [foreign, blind] = await Promise.all([
      run("keeper", "withdraw", scene.token, "--lens", scene.lens, "--yes"),
      run("keeper", "withdraw", "--yes"),
    ]);
    expect(foreign.code).toBe(2);
    expect(foreign.stderr).toMatch(
      /is not a committee of a configured factory\n +expected: a committee of 0x/,
    );
    expect(blind.code).toBe(2);
    expect(blind.stderr).toContain("chain.lens is missing");
  });
});

describe("whitepay ledger rebuild", () => {
  it("finds the groups of a keeper that never ran, and refuses another group", async () => {
    const done = await run("ledger", "rebuild", "--json");
    expect(done.code, done.stderr).toBe(0);
    const found = (JSON.parse(done.stdout) as { groups: { group: string; settlements: number }[] }).groups;
    const expected = groups.map(({ at }) => ({ group: at.address.toLowerCase(), settlements: 1 }));
    expect(found).toEqual(expected.map((one) => ({ ...one, through: expect.any(Number) as number })));
    const foreign = await run("ledger", "rebuild", "--group", keeper.payee);
    expect(foreign.code).toBe(2);
    expect(foreign.stderr).toContain("nor in a committee of this keeper");
  });
});
