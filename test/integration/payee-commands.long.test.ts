/** `whitepay payee …` on a real chain: only the present payee names the next one, and only that one accepts. */
import { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { payersOf } from "../../client/money-plans.ts";
import { tokenBalance } from "../../client/token.ts";
import { keeperBalances } from "../../client/withdrawals.ts";
import { makeKeeper, registerKeeper } from "../../scripts/fleet/setup.ts";
import type { Keeper } from "../../scripts/fleet/setup.ts";
import { runCli, type CliResult } from "../support/cli.ts";
import {
  accountFlags,
  membersOf,
  newGroup,
  payerScene,
  storingProvider,
  type PayerScene,
} from "../support/payer-scene.ts";
import { settleNext } from "../support/settling.ts";

type Account = { readonly address: string; readonly flags: readonly string[] };

let scene: PayerScene;
/** The first payee of the first keeper; the next payee; an unrelated account. */
let present: Account;
let next: Account;
let stranger: Account;
let keeper: Keeper;

async function account(name: string): Promise<Account> {
  const { address, privateKey } = Wallet.createRandom();
  return { address, flags: await accountFlags(scene, name, privateKey) };
}

beforeAll(async () => {
  scene = await payerScene({ keepers: 3 });
  [present, next, stranger] = [await account("present"), await account("next"), await account("stranger")];
  const made = await makeKeeper(scene.folder, 9, 21_409);
  keeper = { ...made, payee: present.address };
  await scene.provider.send("hardhat_setBalance", [keeper.operator, "0x56bc75e2d63100000"]);
  await registerKeeper(scene.provider, scene.deployment.registry, keeper);
});
afterAll(() => scene.close());

const payee = (words: readonly string[], by?: Account): Promise<CliResult> =>
  runCli([
    "payee",
    ...words,
    "--rpc",
    scene.rpc,
    "--registry",
    scene.registry,
    ...(by === undefined ? [] : [...by.flags, "--yes"]),
  ]);

async function shown(role: string, of: string): Promise<unknown> {
  const { code, stdout, stderr } = await payee(["show", role, of, "--json"]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

function notThe(who: string, rule: string): object {
  return {
    code: 4,
    stdout: "",
    stderr: expect.stringMatching(
      new RegExp(
        `rule ${rule}.*\\n +expected: ${who}\\n +actual: +0x[0-9a-fA-F]{40}\\n +hint: +use the key of`,
      ),
    ),
  };
}

describe("whitepay payee, of a keeper", () => {
  it("is named only by the present payee, and receives money after it accepts", async () => {
    const of = ["keeper", keeper.operator];
    const operator = {
      address: keeper.operator,
      flags: await accountFlags(scene, "op", keeper.keys.operator),
    };
    expect(await shown("keeper", keeper.operator)).toMatchObject({
      payee: present.address,
      pendingPayee: null,
    });
    // R3: the operator's key cannot redirect money.
    for (const thief of [operator, stranger]) {
      const refused = await payee(["name", ...of, next.address], thief);
      expect(refused).toMatchObject(notThe(present.address, "R3: only the present payee"));
    }
    const early = await payee(["accept", ...of], next);
    expect(early).toMatchObject({ code: 2, stderr: expect.stringContaining("has no pending payee") });

    const named = await payee(["name", ...of, next.address, "--json"], present);
    expect(named.code, named.stderr).toBe(0);
    expect(named.stderr).toContain(
      `next: with the key of ${next.address}: whitepay payee accept keeper ${keeper.operator}`,
    );
    expect(JSON.parse(named.stdout)).toMatchObject({
      payee: present.address,
      pendingPayee: next.address,
      transactions: [{ method: "nameKeeperPayee", sent: true }],
    });
    expect(await payee(["accept", ...of], stranger)).toMatchObject(
      notThe(next.address, "R31: only the pending payee"),
    );
    const accepted = await payee(["accept", ...of, "--json"], next);
    expect(accepted.code, accepted.stderr).toBe(0);
    expect(await shown("keeper", keeper.operator)).toMatchObject({ payee: next.address, pendingPayee: null });
    const former = await payee(["name", ...of, stranger.address], present);
    expect(former).toMatchObject(notThe(next.address, "R3: only the present payee"));
  });

  it("withdraws the keeper's earnings; a failure has its reason", async () => {
    const members = membersOf({ ...scene, keepers: [...scene.keepers, keeper] });
    const served = await newGroup(scene, { members });
    const { address: group, committee } = served;
    const { factory, lens } = scene;
    const provider = await storingProvider(scene, "earning", 21_401, { sizes: [1_000_000] });
    await provider.consent(group, `${scene.folder}/earning.consent`);
    await scene.json(["group", "add-provider", `${scene.folder}/earning.consent`, "--group", group, "--yes"]);
    const on = ["--group", group, "--factory", factory, "--lens", lens];
    const withdraw = (by: Account): Promise<CliResult> =>
      payee(["withdraw", "keeper", keeper.operator, ...on, "--json"], by);
    expect(await withdraw(next)).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("has no credit for keeper"),
    });
    await settleNext(scene, served);
    const foreign = await withdraw(stranger);
    expect(foreign).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(
        new RegExp(
          `expected: ${keeper.operator} \\(operator\\) or ${next.address} \\(payee\\)\\n +actual: +0x`,
        ),
      ),
    });
    const { token } = scene;
    const held = (): Promise<bigint> =>
      tokenBalance(scene.provider, { address: token, symbol: "WPD", decimals: 18 }, next.address);
    const of = { lens, committee: committee.address, operator: keeper.operator };
    const [{ balance: earned } = { balance: 0n }] = await keeperBalances(scene.provider, of);
    const before = await held();
    const done = await withdraw(next);
    expect(done.code, done.stderr).toBe(0);
    expect(earned).toBeGreaterThan(0n);
    expect((await held()) - before).toBe(earned);
    // Here the provider's payee is its operator: the commands of a payee accept its key.
    const own = await payee(["withdraw", "provider", provider.operator, ...on], stranger);
    expect(own).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("R31"),
    });
  });
});

describe("whitepay payee, of a provider", () => {
  it("is named by `register` while the operator is the payee, then by the payee's key", async () => {
    const provider = await storingProvider(scene, "moving", 21_402);
    const register = (to: Account): Promise<CliResult> =>
      runCli(["provider", "register", "--payee", to.address, "--config", provider.config, "--yes", "--json"]);
    const named = await register(next);
    expect(named.code, named.stderr).toBe(0);
    const accepted = await payee(["accept", "provider", provider.operator], next);
    expect(accepted.code, accepted.stderr).toBe(0);
    const refused = await register(stranger);
    expect(refused).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(
        new RegExp(
          `expected: the key of the present payee, ${next.address}\\n.*\\n +hint: +use that key: whitepay payee name provider`,
        ),
      ),
    });
    const of = ["name", "provider", provider.operator];
    expect((await payee([...of, stranger.address], next)).code).toBe(0);
    // Naming the present payee cancels the pending one.
    expect((await payee([...of, next.address], next)).code).toBe(0);
    expect(await payee(["accept", "provider", provider.operator], stranger)).toMatchObject({ code: 4 });
  });
});

describe("the payer's role", () => {
  it("passes on in two steps: the payer names the next one, which accepts, and may then withdraw", async () => {
    const { address: group, at } = await newGroup(scene, {
      members: membersOf({ ...scene, keepers: [...scene.keepers, keeper] }),
    });
    const on = ["--group", group, "--yes"];
    const accept = (by: Account): Promise<CliResult> =>
      scene.run(["group", "accept-payer", ...on, ...by.flags]);
    const payers = (): Promise<unknown> => payersOf(scene.provider, at);
    const first = scene.payer.address;
    expect(await accept(next)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("has no named payer"),
    });
    const thief = await scene.run(["group", "name-payer", stranger.address, ...on, ...stranger.flags]);
    expect(thief).toMatchObject(notThe(first, "R33: only the payer may do this"));
    const named = await scene.run(["group", "name-payer", next.address, ...on]);
    expect(named.code, named.stderr).toBe(0);
    expect(named.stderr).toContain(`next: with the key of ${next.address}: whitepay group accept-payer`);
    expect(await payers()).toEqual({ payer: first, named: next.address });
    expect(await accept(stranger)).toMatchObject(notThe(next.address, "R31: only the named payer"));
    // Until it accepts, the first payer stays.
    expect((await scene.run(["group", "withdraw", "1", ...on])).code).toBe(0);
    const accepted = await accept(next);
    expect(accepted.code, accepted.stderr).toBe(0);
    expect(await payers()).toEqual({ payer: next.address, named: undefined });
    const former = await scene.run(["group", "withdraw", "3", ...on]);
    expect(former).toMatchObject(notThe(next.address, "R33: only the payer may do this"));
    const withdrawn = await scene.run([
      "group",
      "withdraw",
      "3",
      "--to",
      stranger.address,
      ...on,
      ...next.flags,
    ]);
    expect(withdrawn.code, withdrawn.stderr).toBe(0);
    expect(withdrawn.stderr).toMatch(new RegExp(`paid to +${stranger.address}`));
  });
});

describe("whitepay payee", () => {
  it("exits 2 for invalid input, with the expected form", async () => {
    const nobody = `0x${"12".repeat(20)}`;
    const showKeeper = ["payee", "show", "keeper", keeper.operator, "--rpc", scene.rpc];
    const [role, address, unknown, noContract, nowhere] = await Promise.all([
      payee(["show", "owner", keeper.operator]),
      payee(["show", "keeper", "0x12"]),
      payee(["show", "provider", keeper.operator]),
      runCli([...showKeeper, "--registry", nobody]),
      runCli(showKeeper),
    ]);
    for (const result of [role, address, unknown, noContract, nowhere]) {
      expect(result).toMatchObject({ code: 2, stdout: "" });
    }
    expect(role.stderr).toMatch(/expected: keeper \| provider\n/);
    expect(unknown.stderr).toContain(`${keeper.operator} is not a registered provider`);
    expect(noContract.stderr).toContain(`there is no registry at ${nobody}`);
    expect(nowhere.stderr).toMatch(/the registry is unknown\n +expected: the address of the registry/);
  });
});
