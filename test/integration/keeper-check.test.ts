/** `whitepay keeper check`: every failure, with a real cause, its grade and its remedy. */
import { chmod, writeFile } from "node:fs/promises";
import { createServer, type Server as HttpServer } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { Contract, Wallet, type ContractTransactionResponse } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultFeeLimits } from "../../protocol/fees.ts";
import { balanceFor } from "../../protocol/funds.ts";
import { committeeAbi } from "../../client/abi.ts";
import { CommitteeReader } from "../../client/committee-view.ts";
import { measureFees } from "../../client/fees.ts";
import { certificateDigest, domainOf } from "../../protocol/certificate.ts";
import { zeroHash, type Hex } from "../../protocol/hash.ts";
import { resolveConfig } from "../../keeper/config.ts";
import { Processes } from "../../scripts/fleet/processes.ts";
import { fundOperators, makeKeeper, registerKeeper, type Keeper } from "../../scripts/fleet/setup.ts";
import type { CheckItem } from "../../cli/console/check-item.ts";
import { preflight } from "../../cli/keeper/preflight/index.ts";
import { projectRoot } from "../../scripts/paths.ts";
import { certify } from "../support/contracts/keys.ts";
import { openKeeperScene, parsed, payee, sceneParams, type KeeperScene } from "../support/keeper-scene.ts";

let scene: KeeperScene;
let committee: string;
let keepers: Keeper[];
let others: string[];
const listening: Server[] = [];

async function listenOn(port: number): Promise<Server> {
  const server = createTcpServer((socket) => void socket.on("error", () => undefined));
  await new Promise<void>((up, fail) => server.once("error", fail).listen(port, "127.0.0.1", () => up()));
  listening.push(server);
  return server;
}

const closed = (server: Server | HttpServer): Promise<void> => {
  if ("closeAllConnections" in server) server.closeAllConnections();
  return new Promise((done) => server.close(() => done()));
};

/** Items of the check with these flags and the keeper's file. */
async function found(flags: Record<string, string> = {}): Promise<CheckItem[]> {
  return preflight((await resolveConfig({ file: scene.config, flags })).config);
}

async function item(name: string, flags?: Record<string, string>): Promise<CheckItem | undefined> {
  const items = (await found(flags)).filter((each) => each.name === name);
  return (
    items.find(({ grade }) => grade === "fail") ?? items.find(({ grade }) => grade === "warn") ?? items[0]
  );
}

/** The other keepers, a quorum, certify an interval in which nothing was committed. */
async function certifyNothing(): Promise<void> {
  const { provider } = scene;
  const ts = await new CommitteeReader(provider, committee).certifiedThrough();
  const te = ts + sceneParams.interval;
  const certificate = { ts, te, version: 1, leader: 1, failed: 0n, payees: 0n, count: 0, groups: zeroHash };
  const digest = certificateDigest(domainOf(31_337, committee.toLowerCase() as Hex), certificate);
  const signature = certify(
    keepers.map(({ keys }) => BigInt(keys.bls)),
    digest,
  );
  await scene.mine(te - 1 - (await provider.getBlockNumber()));
  const leader = new Wallet((keepers[0] as Keeper).keys.operator, provider);
  const send = new Contract(committee, committeeAbi, leader).getFunction("certify");
  const sent = (await send(certificate, 0b1110n, signature, 0, [], [])) as ContractTransactionResponse;
  await sent.wait();
}

beforeAll(async () => {
  scene = await openKeeperScene();
  const { provider, folder, ports, operator, deployment } = scene;
  keepers = await Promise.all([1, 2, 3].map((i) => makeKeeper(folder, i, ports[i] as number)));
  others = keepers.map((keeper) => keeper.operator.toLowerCase());
  await fundOperators(provider, [operator, ...others]);
  for (const keeper of keepers) await registerKeeper(provider, deployment.registry, keeper);
  await scene.done("register", "--payee", payee, "--yes");
  committee = await scene.invited(keepers);
  await scene.done("committee join", committee, "--yes");
  await scene.group(committee);
  for (const { port } of keepers) await listenOn(port);
});
afterAll(async () => {
  await Promise.all(listening.map(closed));
  await scene.stop();
});

describe("whitepay keeper check", () => {
  it("exits 0 if nothing fails, with a grade for every item, as text and as JSON", async () => {
    const words = ["--rpc", `${scene.rpc},${scene.rpc}/`];
    // In sequence: each check binds the keeper's ports for a moment.
    const text = await scene.keeper("check", ...words);
    const json = await scene.keeper("check", ...words, "--json");
    expect(json.code, json.stderr).toBe(0);
    const { ok, items } = parsed(json) as { ok: boolean; items: CheckItem[] };
    expect(ok).toBe(true);
    const grades = new Map(items.map(({ name, grade }) => [name, grade]));
    expect(Object.fromEntries(grades)).toEqual({
      keys: "warn",
      rpc: "ok",
      "chain id": "ok",
      "EIP-2537": "ok",
      clock: "ok",
      registry: "ok",
      seats: "ok",
      peers: "ok",
      funds: "ok",
      ports: "ok",
      disk: "ok",
    });
    expect(text.code, text.stdout).toBe(0);
    for (const name of grades.keys()) expect(text.stdout).toMatch(new RegExp(`^(ok|warn) +${name} `, "m"));
    expect(items.filter(({ grade }) => grade !== "ok").every(({ remedy }) => remedy !== undefined)).toBe(
      true,
    );
  });

  it("exits 3 if no endpoint answers, and skips the checks of the chain", async () => {
    const { code, stdout, stderr } = await scene.keeper("check", "--rpc", "http://127.0.0.1:1");
    expect(code).toBe(3);
    expect(stdout).toMatch(/^fail +rpc +no chain answers at http:\/\/127.0.0.1:1.*\n +→ check the address/m);
    expect(stdout).toMatch(/^ok +disk /m);
    expect(stdout).not.toContain("EIP-2537");
    expect(stderr).toContain("first: rpc");
  });

  it("prints both chain ids if the endpoint serves another chain", async () => {
    expect(await item("chain id", { "chain-id": "5" })).toMatchObject({
      grade: "fail",
      found: expect.stringContaining("expected 5, actual 31337"),
      remedy: "correct chain.id or chain.rpc",
      code: 3,
    });
  });

  it("fails on a chain without EIP-2537 (rules before Prague)", async () => {
    const failures: Error[] = [];
    const processes = new Processes((error) => failures.push(error));
    const old = processes.start({
      name: "an old chain",
      args: [join(projectRoot, "test/support/old-chain-process.ts")],
      logFile: join(scene.folder, "old-chain.log"),
      daemon: true,
    });
    const { rpc } = (await old.ready) as { rpc: string };
    expect(await item("EIP-2537", { rpc })).toMatchObject({
      grade: "fail",
      found: "expected 1 from precompile 0x0f, actual 0x",
      remedy: expect.stringContaining("whitepay presets"),
      code: 4,
    });
    await processes.stopAll();
    expect(failures).toEqual([]);
  });

  it.each([
    { ahead_ms: -3_000, grade: "warn" },
    { ahead_ms: 120_000, grade: "fail" },
  ])("grades a clock that is $ahead_ms ms off the endpoint's as $grade", async ({ ahead_ms, grade }) => {
    const front = createServer((request, response) => {
      const body: Buffer[] = [];
      request.on("data", (chunk: Buffer) => body.push(chunk));
      request.on("end", () => {
        const headers = { "content-type": "application/json" };
        void fetch(scene.rpc, { method: "POST", headers, body: Buffer.concat(body) }).then(async (answer) => {
          const date = new Date(Date.now() - ahead_ms).toUTCString();
          response.writeHead(200, { ...headers, date }).end(await answer.text());
        });
      });
    });
    await new Promise<void>((up) => front.listen(0, "127.0.0.1", () => up()));
    const { port } = front.address() as AddressInfo;
    const clock = await item("clock", { rpc: `http://127.0.0.1:${port}` });
    await closed(front);
    expect(clock).toMatchObject({ grade, remedy: expect.stringContaining("chrony") });
    expect(Math.abs(Number.parseInt(clock?.found ?? "", 10) - ahead_ms)).toBeLessThan(1_000);
  });

  it("fails if another process listens on a port of the keeper", async () => {
    const port = scene.ports[0] as number;
    const server = await listenOn(port);
    const ports = await item("ports");
    await closed(server);
    expect(ports).toMatchObject({ grade: "fail", remedy: expect.stringContaining("set another port") });
    expect(ports?.found).toContain(`127.0.0.1:${port}: `);
    expect(ports?.found).toContain("another process listens there");
  });

  it("warns if one keeper is unreachable or the committee is new, and fails if fewer than a quorum are reachable", async () => {
    const down = [listening[0] as Server, listening[1] as Server];
    await closed(down[0] as Server);
    expect(await item("peers")).toMatchObject({
      grade: "warn",
      found: expect.stringContaining("2 of 3 other keepers"),
      remedy: `not reachable: ${others[0]}`,
    });
    await closed(down[1] as Server);
    expect(await item("peers")).toMatchObject({
      grade: "warn",
      found: expect.stringMatching(/1 of 3 other keepers .* the committee has not certified yet$/),
      remedy: `this keeper waits for the others: ${others[0]}, ${others[1]}`,
      code: 0,
    });
    // After the first certificate the keepers of a committee must run.
    const { provider } = scene;
    const before: unknown = await provider.send("evm_snapshot", []);
    await certifyNothing();
    expect(await item("peers")).toMatchObject({
      grade: "fail",
      found: expect.stringContaining("1 of 3 other keepers"),
      remedy: expect.stringContaining(`${others[0]}, ${others[1]}`),
      code: 3,
    });
    await provider.send("evm_revert", [before]);
  });

  it("reports committees that wait for consents, no seat, and a factory that is missing or another contract", async () => {
    const { provider } = scene;
    const before: unknown = await provider.send("evm_snapshot", []);
    const [first, second, third] = keepers as [Keeper, Keeper, Keeper];
    const waiting = await scene.invited([first, second, { operator: third.operator }]);
    // R39: the terms must be within the operator's policy.
    const many = ["--policy-most-providers", "8"];
    const refused = await scene.keeper("committee join", waiting, "--yes", ...many);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toMatch(
      /expected: at most 8 providers .*\n +actual: +8192 providers\n +hint: .*--any-terms/,
    );
    await scene.done("committee join", waiting, "--yes", "--any-terms", ...many);
    expect(await item("seats")).toMatchObject({
      grade: "warn",
      found: `seat 0 in ${waiting}, which waits for 1 consent`,
      remedy: `ask these keepers to accept: ${third.operator}`,
    });
    await provider.send("evm_revert", [before]);
    const { config } = await resolveConfig({ file: scene.config });
    const without = await preflight({ ...config, chain: { ...config.chain, factories: [] } });
    expect(without.find(({ name }) => name === "seats")).toMatchObject({
      grade: "fail",
      remedy: expect.stringContaining("chain.factories"),
      code: 2,
    });
    expect(await item("seats", { factories: payee })).toMatchObject({
      grade: "fail",
      found: `there is no factory at ${payee}`,
      code: 2,
    });
  });

  it("warns if the coin covers fewer than 15 certificates, and fails if it covers none", async () => {
    const { provider, operator } = scene;
    const before = await provider.getBalance(operator);
    const certifying = { members: 4, groups: 1, providers: 0 };
    const { market, l1Fee } = await measureFees(provider, certifying);
    const account = { balance: before, market, l1Fee, limits: defaultFeeLimits };
    const set = (wei: bigint) => provider.send("hardhat_setBalance", [operator, `0x${wei.toString(16)}`]);
    await set(balanceFor(14n, account, certifying));
    expect(await item("funds")).toMatchObject({
      grade: "warn",
      found: expect.stringContaining("for 14 certificates of "),
      remedy: expect.stringMatching(/^send at least 0\.\d+ more to 0x.* for 15 certificates$/),
    });
    await set(1n);
    const poor = await scene.keeper("check");
    await set(before);
    expect(poor.code).toBe(5);
    expect(poor.stdout).toMatch(/^fail +funds .*\n +→ send at least/m);
  });

  it("fails if the disk is full, or the data folder is not possible", async () => {
    // This file system has no free blocks.
    expect(await item("disk", { "data-dir": "/proc/whitepay" })).toMatchObject({
      grade: "fail",
      found: "0 B free at /proc",
      remedy: expect.stringContaining("free disk space"),
    });
    expect(await item("disk", { "data-dir": join(scene.config, "data") })).toMatchObject({
      grade: "fail",
      remedy: "correct dataDir",
    });
  });

  it("reports keys that other users can read, a wrong password, and an unregistered keeper", async () => {
    const password = join(scene.folder, "other-password");
    await writeFile(password, "another\n", { mode: 0o600 });
    expect(await item("keys", { "password-file": password })).toMatchObject({
      grade: "fail",
      found: expect.stringContaining("the password is not the one"),
      remedy: expect.stringContaining("passwordFile"),
      code: 2,
    });
    await chmod(password, 0o644);
    expect((await item("keys", { "password-file": password }))?.found).toContain(`chmod 600 ${password}`);
    const stranger = await makeKeeper(scene.folder, 8, 1);
    const flags = {
      keys: join(stranger.folder, "keys"),
      "password-file": join(stranger.folder, "password"),
    };
    const items = await found(flags);
    expect(items.find(({ name }) => name === "registry")).toMatchObject({
      grade: "fail",
      remedy: "whitepay keeper register",
    });
    expect(items.find(({ name }) => name === "seats")).toMatchObject({
      grade: "warn",
      found: expect.stringContaining("no seat"),
      remedy: expect.stringContaining("whitepay committee join"),
    });
    expect(await item("registry", { registry: payee })).toMatchObject({ grade: "fail", code: 2 });
    expect(await item("registry", { announce: "/dns4/keeper.example/tcp/4001" })).toMatchObject({
      grade: "warn",
      remedy: expect.stringContaining("whitepay keeper register"),
    });
  });
});
