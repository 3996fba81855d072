/** A keeper that runs, as its operator sees it: status, drain, history, another key in its seat. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRunFile } from "../../keeper/run-file.ts";
import { planHandInConsent, planResign } from "../../client/committee-plans.ts";
import { CommitteeReader } from "../../client/committee-view.ts";
import { fundOperators, makeKeeper, registerKeeper, type Keeper } from "../../scripts/fleet/setup.ts";
import { signVersionConsent } from "../../client/member-consents.ts";
import { send } from "../../client/transactions.ts";
import { statusOf, type RunningStatus } from "../../cli/keeper-api/status.ts";
import { startAtTerminal } from "../support/cli.ts";
import type { CliProcess } from "../support/cli.ts";
import { openKeeperScene, parsed, payee, sceneParams, type KeeperScene } from "../support/keeper-scene.ts";

let scene: KeeperScene;
let committee: string;
let group: string;
let others: Keeper[];
let running: CliProcess;

type Own = { committee: RunningStatus["committees"][number]; group: RunningStatus["groups"][number] };

/** Resolves when the keeper has seen `block`, with what it then says of its committee and the group. */
async function seen(block: number): Promise<Own> {
  const { api = "" } = (await readRunFile(join(scene.folder, "mine", "data"))) ?? {};
  for (;;) {
    const status = await statusOf(api);
    const [[own], [served]] = [status?.committees ?? [], status?.groups ?? []];
    if (own !== undefined && served !== undefined && (status?.head ?? -1) >= block) {
      return { committee: own, group: served };
    }
    await sleep(50);
  }
}

beforeAll(async () => {
  scene = await openKeeperScene();
  const { provider, folder, ports, operator, deployment } = scene;
  others = await Promise.all([1, 2, 3].map((i) => makeKeeper(folder, i, ports[i] as number)));
  await fundOperators(provider, [operator, ...others.map((other) => other.operator)]);
  for (const other of others) await registerKeeper(provider, deployment.registry, other);
  await scene.done("register", "--payee", payee, "--yes");
  running = scene.start("run");
  await running.said('"event":"ready"');
  // R39: it gets its seat, and the committee its group, while the keeper runs.
  committee = await scene.invited(others);
  await scene.done("committee join", committee, "--yes");
  group = await scene.group(committee);
  await scene.mine(sceneParams.slot + sceneParams.confirmations);
});
afterAll(async () => {
  running.child.kill("SIGKILL");
  await running.ended;
  await scene.stop();
});

describe("a running keeper", () => {
  it("follows the seat and the group that it gets while it runs, shown by `status`; `check` names unreachable peers; `history export` and a second `run` exit 6", async () => {
    expect((await seen(0)).group).toMatchObject({ number: 1, committee: committee.toLowerCase() });
    const [status, check, locked, second] = await Promise.all([
      scene.done("status", "--json"),
      scene.keeper("check"),
      scene.keeper("history export"),
      scene.keeper("run"),
    ]);
    expect(parsed(status)).toMatchObject({
      running: true,
      keeper: {
        committees: [{ committee: committee.toLowerCase() }],
        groups: [{ group: group.toLowerCase() }],
      },
    });
    // The committee has certified nothing yet, so missing peers are no failure: the other keepers may not have started.
    expect(check.code, check.stdout).toBe(0);
    expect(check.stdout).toContain("0 of 3 other keepers");
    expect(check.stdout).toContain("used by the running daemon");
    for (const refused of [locked, second]) {
      expect(refused.code).toBe(6);
      expect(refused.stderr).toContain("in use by another process");
    }
  });

  it("drains: continues until its present turn is over, also if the command is interrupted, then stops cleanly", async () => {
    const head = await scene.provider.getBlockNumber();
    const { ts } = (await seen(head)).committee;
    await scene.mine(ts + sceneParams.interval + 2 - head);
    expect((await seen(await scene.provider.getBlockNumber())).committee.turn).toBe(1);
    const impatient = await scene.keeper("drain", "--timeout-s", "1");
    expect(impatient.code).toBe(1);
    expect(impatient.stderr).toContain("the keeper continues to drain");
    const interrupted = scene.start("drain");
    await interrupted.said("finishes its turn");
    interrupted.child.kill("SIGINT");
    expect((await interrupted.ended).code).toBe(130);
    expect(running.child.exitCode).toBeNull();
    const waiting = scene.start("drain", "--json");
    await waiting.said("finishes its turn");
    await scene.mine(sceneParams.turn);
    const drained = await waiting.ended;
    expect(drained.code, drained.stderr).toBe(0);
    expect(parsed(drained)).toMatchObject({ drained: true });
    const { code, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(stderr).toContain("drained");
    const [status, again] = await Promise.all([scene.keeper("status", "--json"), scene.keeper("drain")]);
    expect(status.code).toBe(1);
    expect(parsed(status)).toMatchObject({ running: false, chain: { registered: { payee } } });
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("no keeper runs");
  });

  it("stops cleanly on Ctrl-C, on SIGTERM and when its terminal is closed", async () => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      const other = scene.start("run");
      await other.said('"event":"ready"');
      other.child.kill(signal);
      const { code, stderr } = await other.ended;
      expect([signal, code]).toEqual([signal, 0]);
      expect(stderr).toContain("stopped");
    }
  });
});

describe("the log of a keeper", () => {
  it("is text at a terminal and JSON lines elsewhere, unless an option says otherwise", async () => {
    const words = ["keeper", "run", "--config", scene.config];
    const atTerminal = startAtTerminal(words);
    await atTerminal.said(" is up: ");
    atTerminal.type("\u0003");
    const shown = await atTerminal.ended;
    expect(shown.stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d info {2}keeper \w+ is up: /m);
    expect(shown.stdout).not.toContain('"level"');
    const [json, text] = await Promise.all(
      [
        [],
        [
          "--log-format",
          "text",
          "--data-dir",
          join(scene.folder, "text"),
          "--listen",
          "/ip4/127.0.0.1/tcp/0",
        ],
      ].map(async (more) => {
        const piped = scene.start("run", ...more);
        await piped.said(" is up: ");
        piped.child.kill("SIGTERM");
        return (await piped.ended).stderr.trim().split("\n");
      }),
    );
    for (const line of json ?? []) expect(JSON.parse(line)).toMatchObject({ msg: expect.any(String) });
    expect(text?.at(-1)).toMatch(/info {2}stopped$/);
  });
});

describe("whitepay keeper history", () => {
  type History = { operator: string; committees: { committee: string; head: number; notes: object[] }[] };
  const note = (turn: number, byte: string) => ({ ts: 40, turn, digest: `0x${byte.repeat(32)}` });

  async function exported(...words: string[]): Promise<History> {
    return parsed(await scene.done("history export", ...words)) as History;
  }

  it("is imported completely into another folder, never over a later one, and never from another keeper", async () => {
    const file = join(scene.folder, "history.json");
    await scene.done("history export", "--out", file);
    const history = JSON.parse(await readFile(file, "utf8")) as History;
    expect(history).toMatchObject({
      operator: scene.operator,
      committees: [{ committee: committee.toLowerCase() }],
    });
    const [entry] = history.committees;
    const head = entry?.head ?? 0;
    expect(head).toBeGreaterThan(0);
    entry?.notes.push(note(1, "ab"), note(2, "cd"));
    await writeFile(file, JSON.stringify(history));
    const to = ["--data-dir", join(scene.folder, "elsewhere")];
    const take = (...words: string[]) => scene.keeper("history import", ...to, "--file", ...words);
    const taken = (result: Awaited<ReturnType<typeof take>>): unknown => [result.code, parsed(result)];
    const nothing = { committees: 1, written: 0, heads: 0, contradictions: 0 };
    expect(taken(await take(file, "--json"))).toEqual([0, { ...nothing, written: 2, heads: 1 }]);
    // The same again, then one from before: neither changes anything.
    const before = join(scene.folder, "before.json");
    const older = { ...history, committees: [{ ...entry, head: head - 5, notes: [note(1, "ab")] }] };
    await writeFile(before, JSON.stringify(older));
    expect(taken(await take(file, "--json"))).toEqual([0, nothing]);
    expect(taken(await take(before, "--json"))).toEqual([0, nothing]);
    expect((await exported(...to)).committees).toEqual([
      { ...entry, notes: expect.arrayContaining(entry?.notes ?? []) },
    ]);
    await writeFile(before, JSON.stringify({ ...history, operator: payee }));
    const foreign = await take(before);
    expect(foreign.code).toBe(2);
    expect(foreign.stderr).toContain("another keeper or chain");
  });

  it("is reported as missing for a keeper that never ran", async () => {
    const { code, stderr } = await scene.keeper("history export", "--data-dir", join(scene.folder, "never"));
    expect(code).toBe(2);
    expect(stderr).toContain("there is no history");
  });

  it("bars new signatures in a turn for which two histories hold different digests", async () => {
    const to = ["--data-dir", join(scene.folder, "elsewhere")];
    const history = await exported(...to);
    const file = join(scene.folder, "other.json");
    const committees = history.committees.map((entry) => ({ ...entry, notes: [note(1, "ef")] }));
    await writeFile(file, JSON.stringify({ ...history, committees }));
    const merged = await scene.done("history import", ...to, "--file", file);
    expect(merged.stderr).toMatch(/\b1 turn with two different signatures/);
    expect((await exported(...to)).committees[0]?.notes).toContainEqual(note(1, "00"));
    // Not even the first digest again.
    await scene.done("history import", ...to, "--file", join(scene.folder, "history.json"));
    expect((await exported(...to)).committees[0]?.notes).toContainEqual(note(1, "00"));
  });
});

describe("whitepay keeper rotate-seat and withdraw", () => {
  it("replaces the key in the keeper's seat after it is registered, and reports if there is nothing to rotate or withdraw", async () => {
    const words = ["--yes", "--json"];
    const [early, unpaid] = await Promise.all([
      scene.done("rotate-seat", ...words),
      scene.done("withdraw", ...words),
    ]);
    expect(early.stderr).toContain("nothing to do");
    expect(unpaid.stderr).toContain("nothing to do: this keeper has no credit");
    const other = await makeKeeper(scene.folder, 9, scene.ports[5] as number);
    const bls = join(scene.folder, "mine", "keys", "bls.json");
    await rename(bls, `${bls}.old`);
    const theirs = ["--file", join(other.folder, "keys", "bls.json"), "--kdf", "light"];
    await scene.done("keys import bls", ...theirs, "--from-password-file", join(other.folder, "password"));
    await scene.done("register", "--rotate-key", "--yes");
    const done = await scene.done("rotate-seat", ...words);
    expect(parsed(done)).toMatchObject({ transactions: [{ method: "rotateSeat", sent: true }] });
    const view = new CommitteeReader(scene.provider, committee);
    const [, rotated] = await view.read("waiting");
    expect(rotated).toBe(2n);
    const again = await scene.keeper("rotate-seat", ...words);
    expect(again.code).toBe(0);
    expect(again.stderr).toContain("nothing to do");
  });
});

describe("whitepay committee propose and accept", () => {
  it("replaces a member that resigned: the member proposes and accepts, as do the new keeper and others by signature", async () => {
    const { provider, deployment } = scene;
    const next = await makeKeeper(scene.folder, 8, scene.ports[6] as number);
    await fundOperators(provider, [next.operator]);
    await registerKeeper(provider, deployment.registry, next);
    const old = others[2] as Keeper;
    const as = (keeper: Keeper): Wallet => new Wallet(keeper.keys.operator, provider);
    await send(await planResign(as(old), committee), as(old));
    const change = [committee, old.operator, next.operator, "--yes", "--json"];
    const { version } = parsed(await scene.done("committee propose", ...change)) as { version: number };
    const approval = await scene.done(
      "committee accept",
      committee,
      "--version",
      String(version),
      "--yes",
      "--json",
    );
    expect(parsed(approval)).toMatchObject({ version, transactions: [{ method: "consent", sent: true }] });
    for (const keeper of [others[0] as Keeper, others[1] as Keeper, next]) {
      const deadline = (await provider.getBlockNumber()) + 100;
      const signed = await signVersionConsent(as(keeper), committee, { version, deadline });
      await send(await planHandInConsent(as(keeper), signed), as(keeper));
    }
    const proposed = await new CommitteeReader(provider, committee).version(version);
    expect(proposed).toMatchObject({ completedAt: await provider.getBlockNumber() });
    expect(proposed.operators).toContain(next.operator);
  });
});
