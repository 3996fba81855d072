/** `whitepay payee …` on a real chain: only the present payee names the next one, and only that one accepts. */
import { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GroupView } from "../../client/group-view.ts";
import { tokenBalance } from "../../client/token.ts";
import { createGroup, makeKeeper, registerKeeper } from "../../scripts/fleet/setup.ts";
import type { Keeper } from "../../scripts/fleet/setup.ts";
import { runCli, type CliResult } from "../support/cli.ts";
import { sceneParams } from "../support/keeper-scene.ts";
import { accountFlags, payerScene, storingProvider, type PayerScene } from "../support/payer-scene.ts";
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
    const operators = [...scene.keepers, keeper].map(({ operator }) => operator);
    const params = { ...sceneParams, price: 10n ** 18n };
    const group = await createGroup(scene.deployment, scene.payer, params, operators);
    const provider = await storingProvider(scene, "earning", 21_401, { sizes: [1_000_000] });
    await provider.consent(group, `${scene.folder}/earning.consent`);
    await scene.json(["group", "add-provider", `${scene.folder}/earning.consent`, "--group", group, "--yes"]);
    const withdraw = (by: Account): Promise<CliResult> =>
      payee(["withdraw", "keeper", keeper.operator, "--group", group, "--json"], by);
    expect(await withdraw(next)).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("has no credit for keeper"),
    });
    await settleNext({ ...scene, keepers: [...scene.keepers, keeper] }, group);
    const foreign = await withdraw(stranger);
    expect(foreign).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(
        new RegExp(
          `expected: ${keeper.operator} \\(operator\\) or ${next.address} \\(payee\\)\\n +actual: +0x`,
        ),
      ),
    });
    const { token } = await new GroupView(scene.provider, group).parameters();
    const held = (): Promise<bigint> =>
      tokenBalance(scene.provider, { address: token, symbol: "WPD", decimals: 18 }, next.address);
    const before = await held();
    const done = await withdraw(next);
    expect(done.code, done.stderr).toBe(0);
    const earned = (await new GroupView(scene.provider, group).keeperAccounts(1))[3]?.earned ?? 0n;
    expect(earned).toBeGreaterThan(0n);
    expect((await held()) - before).toBe(earned);
    // Here the provider's payee is its operator: the commands of a payee accept its key.
    const own = await payee(["withdraw", "provider", provider.operator, "--group", group], stranger);
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

describe("whitepay payee, of a payer", () => {
  it("belongs to a group instead of an operator, and receives the payer's withdrawals", async () => {
    const operators = [...scene.keepers, keeper].map(({ operator }) => operator);
    const group = await createGroup(scene.deployment, scene.payer, sceneParams, operators);
    const payer = {
      address: scene.payer.address,
      flags: ["--key", `${scene.folder}/payer.json`, "--password-file", `${scene.folder}/password`],
    };
    expect(await shown("payer", group)).toMatchObject({ payee: payer.address, pendingPayee: null });
    expect(await payee(["name", "payer", group, next.address], stranger)).toMatchObject(
      notThe(payer.address, "R3: only the present payee"),
    );
    expect((await payee(["name", "payer", group, next.address], payer)).code).toBe(0);
    expect(await payee(["accept", "payer", group], stranger)).toMatchObject(
      notThe(next.address, "R31: only the pending payee"),
    );
    expect((await payee(["accept", "payer", group], next)).code).toBe(0);
    const { stderr } = await scene.run(["group", "withdraw", "3", "--group", group, "--yes"]);
    expect(stderr).toMatch(new RegExp(`paid to +${next.address}`));
    expect(await payee(["name", "payer", group, payer.address], payer)).toMatchObject(
      notThe(next.address, "R3: only the present payee"),
    );
  });
});

describe("whitepay payee", () => {
  it("exits 2 for invalid input, with the expected form", async () => {
    const nobody = `0x${"12".repeat(20)}`;
    const showKeeper = ["payee", "show", "keeper", keeper.operator, "--rpc", scene.rpc];
    const [role, address, unknown, noContract, nowhere, noGroup] = await Promise.all([
      payee(["show", "owner", keeper.operator]),
      payee(["show", "keeper", "0x12"]),
      payee(["show", "provider", keeper.operator]),
      runCli([...showKeeper, "--registry", nobody]),
      runCli(showKeeper),
      payee(["show", "payer", nobody]),
    ]);
    for (const result of [role, address, unknown, noContract, nowhere, noGroup]) {
      expect(result).toMatchObject({ code: 2, stdout: "" });
    }
    expect(role.stderr).toMatch(/expected: keeper \| provider \| payer/);
    expect(unknown.stderr).toContain(`${keeper.operator} is not a registered provider`);
    expect(noContract.stderr).toContain(`there is no registry at ${nobody}`);
    expect(nowhere.stderr).toMatch(/the registry is unknown\n +expected: the address of the registry/);
    expect(noGroup.stderr).toContain(`there is no group at ${nobody}`);
  });
});
