/** Commands of an operator before a keeper runs, as processes, with a Hardhat node. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fundOperators, makeKeeper } from "../../scripts/fleet/setup.ts";
import { startAtTerminal } from "../support/cli.ts";
import { openKeeperScene, parsed, payee, type KeeperScene } from "../support/keeper-scene.ts";

let scene: KeeperScene;
beforeAll(async () => {
  scene = await openKeeperScene();
});
afterAll(() => scene.stop());

describe("whitepay keeper register", () => {
  it("exits 5 if the operator has no coin, and prints the amount it needs", async () => {
    const { code, stdout, stderr } = await scene.keeper("register", "--payee", payee, "--yes");
    expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
    expect(stderr.toLowerCase()).toContain(scene.operator);
    expect(stderr).toMatch(/hint: .*send/);
    await fundOperators(scene.provider, [scene.operator]);
  });

  it("sends nothing with --dry-run, or without --yes and a terminal, and prints amounts and gas", async () => {
    const before = await scene.provider.getBlockNumber();
    const [dry, unanswered] = await Promise.all([
      scene.keeper("register", "--payee", payee, "--dry-run", "--json"),
      scene.keeper("register", "--payee", payee),
    ]);
    expect(dry.code, dry.stderr).toBe(0);
    const [transaction] = (parsed(dry) as { transactions: { sent: boolean; gas: string }[] }).transactions;
    expect(transaction?.sent).toBe(false);
    expect(Number(transaction?.gas)).toBeGreaterThan(100_000);
    expect(dry.stderr).toContain("costs at most");
    expect(unanswered.code).toBe(2);
    expect(unanswered.stderr).toContain("--yes");
    expect(await scene.provider.getBlockNumber()).toBe(before);
  });

  it("asks at a terminal; the answer no and Ctrl-C send nothing and exit 130", async () => {
    const before = await scene.provider.getBlockNumber();
    const words = ["keeper", "register", "--config", scene.config, "--payee", payee];
    for (const answer of ["n\r", "\u0003"]) {
      const asking = startAtTerminal(words);
      await asking.said("Send it?");
      asking.type(answer);
      expect((await asking.ended).code).toBe(130);
    }
    expect(await scene.provider.getBlockNumber()).toBe(before);
  });

  it("exits 4 if the contract refuses, with rule, expected value, actual value and remedy", async () => {
    const [zero, many] = await Promise.all([
      scene.keeper("register", "--payee", `0x${"00".repeat(20)}`, "--yes"),
      scene.keeper(
        "register",
        "--payee",
        payee,
        "--yes",
        "--announce",
        Array.from({ length: 9 }, (_, i) => `/ip4/192.0.2.1/tcp/${4001 + i}`).join(","),
      ),
    ]);
    expect(zero.code).toBe(4);
    expect(zero.stderr).toContain("zero payee; rule R31");
    expect(zero.stderr).toMatch(/hint: +name a payee/);
    expect(many.code).toBe(4);
    expect(many.stderr).toMatch(
      /bad multiaddr count; rule R3.*\n +expected: at most 8\n +actual: +9\n +hint: +give/,
    );
  });

  it("exits 3 if no chain or another chain answers, and 2 for an address that others cannot dial", async () => {
    const words = ["--payee", payee, "--yes"];
    const [dead, wrong, vague] = await Promise.all([
      scene.keeper("register", ...words, "--rpc", "http://127.0.0.1:1"),
      scene.keeper("register", ...words, "--chain-id", "1"),
      scene.keeper("register", ...words, "--listen", "/ip4/0.0.0.0/tcp/4001"),
    ]);
    expect(dead.code).toBe(3);
    expect(dead.stderr).toMatch(/no chain answers at http:\/\/127.0.0.1:1.*\n +hint: +check the address/);
    expect(wrong.code).toBe(3);
    expect(wrong.stderr).toMatch(/expected: chain 1\n {2}actual: {3}chain 31337/);
    expect(vague.code).toBe(2);
    expect(vague.stderr).toContain("--announce");
  });

  it("registers with a proof of possession, sends nothing the second time, and then sends a new address", async () => {
    const done = await scene.keeper("register", "--payee", payee, "--yes", "--json");
    expect(done.code, done.stderr).toBe(0);
    expect(parsed(done)).toMatchObject({ registered: true, transactions: [{ sent: true }] });
    const again = await scene.keeper("register", "--yes", "--json");
    expect(again.stderr).toContain("nothing to do");
    // R3: only the payee, a different address, can name the next one.
    const elsewhere = await scene.keeper("register", "--payee", `0x${"78".repeat(20)}`, "--yes");
    expect(elsewhere.code).toBe(2);
    expect(elsewhere.stderr).toMatch(
      /only the present payee can name another payee\n +expected: the key of the present payee, 0x7{40}\n +actual: +0x/,
    );
    const moved = `/ip4/127.0.0.1/tcp/${scene.ports[1]}`;
    const change = await scene.keeper("register", "--listen", moved, "--yes", "--json");
    expect(parsed(change)).toMatchObject({
      multiaddrs: [moved],
      transactions: [{ method: "updateKeeperEndpoint" }],
    });
  });

  it("replaces the BLS key only with --rotate-key; check reports the difference", async () => {
    const { folder } = scene;
    const other = await makeKeeper(folder, 9, scene.ports[5] as number);
    const mixed = join(folder, "mixed");
    const take = (name: string, from: string, password: string) =>
      scene.keeper(
        `keys import ${name}`,
        "--file",
        join(from, `${name}.json`),
        "--keys",
        mixed,
        "--from-password-file",
        password,
        "--kdf",
        "light",
      );
    const own = join(folder, "mine", "keys");
    expect((await take("operator", own, join(folder, "password"))).code).toBe(0);
    const rest = await Promise.all([
      take("peer", own, join(folder, "password")),
      take("bls", join(other.folder, "keys"), join(other.folder, "password")),
    ]);
    expect(rest.map(({ code }) => code)).toEqual([0, 0]);
    const [refused, rotated, check] = await Promise.all([
      scene.keeper("register", "--keys", mixed, "--yes"),
      scene.keeper("register", "--keys", mixed, "--rotate-key", "--dry-run", "--json"),
      scene.keeper("check", "--keys", mixed, "--json"),
    ]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("--rotate-key");
    expect(rotated.code, rotated.stderr).toBe(0);
    const methods = (parsed(rotated) as { transactions: { method: string; sent: boolean }[] }).transactions;
    expect(methods).toContainEqual(expect.objectContaining({ method: "rotateKeeperKey", sent: false }));
    const { items } = parsed(check) as { items: { name: string }[] };
    expect(items.find(({ name }) => name === "registry")).toMatchObject({
      grade: "fail",
      found: expect.stringContaining("BLS key differs"),
      remedy: expect.stringContaining("--rotate-key"),
    });
  });
});
