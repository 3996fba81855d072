/** `whitepay provider check`: every failure, with a real cause, its grade and its remedy. */
import { appendFile, readFile, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import type { CheckItem } from "../../cli/console/check-item.ts";
import { preflight } from "../../cli/provider/preflight.ts";
import { loadConfig } from "../../provider/config.ts";
import type { ProviderConfig } from "../../provider/config.ts";
import { toHex } from "../../protocol/hash.ts";
import { runCli } from "../support/cli.ts";
import { sharedFolder } from "../support/files.ts";
import { providerScene } from "../support/provider-scene.ts";
import type { Scene } from "../support/provider-scene.ts";

let scene: Scene;
let remove: () => Promise<void>;

beforeAll(async () => {
  const shared = await sharedFolder();
  ({ remove } = shared);
  scene = await providerScene(shared.folder, [[300_000]]);
  // Until the consent's data is in force.
  await scene.nextSlot();
  await scene.nextSlot();
}, 60_000);

afterAll(async () => {
  await scene.close();
  await remove();
});

type Changes = { readonly [Name in keyof ProviderConfig]?: ProviderConfig[Name] };

/** Items of one name, the worst first. */
async function items(name: string, changes: Changes = {}): Promise<CheckItem[]> {
  const order = ["fail", "warn", "ok"];
  const found = await preflight({ ...scene.config, ...changes });
  return found
    .filter((item) => item.name === name)
    .sort((a, b) => order.indexOf(a.grade) - order.indexOf(b.grade));
}

async function worst(name: string, changes?: Changes): Promise<string> {
  const [item] = await items(name, changes);
  return item === undefined ? "none" : `${item.grade}: ${item.found}`;
}

const chainWith = (changes: Partial<ProviderConfig["chain"]>): Changes => {
  return { chain: { ...scene.config.chain, ...changes } };
};
const nobody = `0x${"77".repeat(20)}` as const;

it("passes for a provider that is ready, with exit code 0", async () => {
  const { code, stdout, stderr } = await runCli(["provider", "check", "--config", scene.configPath]);
  expect(code, stderr).toBe(0);
  expect(stdout).not.toMatch(/^fail/m);
  expect(stdout).toMatch(/^ok +group .* committed$/m);
  expect(await worst("data")).toBe("ok: 1 piece in 1 list");
  expect(await worst("keys")).toMatch(/^warn: .* light: operator, receipt, peer$/);
  // The entry has another address than the configuration.
  expect(await worst("registry")).toMatch(/^warn: registered at \/ip4\/127\.0\.0\.1\/tcp\/2$/);
});

it("names an endpoint that does not answer, another chain, and contracts that are not there", async () => {
  expect(await worst("rpc", chainWith({ rpc: ["http://127.0.0.1:1"] }))).toMatch(/^fail: /);
  expect(await worst("chain id", chainWith({ id: 5 }))).toMatch(/^fail: expected 5, actual 31337/);
  expect(await worst("registry", chainWith({ registry: nobody }))).toBe(`fail: no contract at ${nobody}`);
  expect(await worst("lens", chainWith({ lens: nobody }))).toBe(`fail: no contract at ${nobody}`);
  expect(await worst("registry", { operator: nobody })).toBe(`fail: ${nobody} is not registered`);
  expect(await worst("group", { operator: nobody })).toMatch(/^warn: .* is no provider of it$/);
});

it("names keys that cannot be opened, and ports that are taken", async () => {
  const file = join(scene.config.dataDir, "wrong-password");
  await writeFile(file, "another\n", { mode: 0o600 });
  expect(await worst("keys", { passwordFile: file })).toMatch(/^fail: .*the password is not the one/);
  const server = createServer();
  await new Promise<void>((up) => server.listen(0, "127.0.0.1", () => up()));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const taken = await worst("ports", { api: { ...scene.config.api, port } });
  expect(taken).toBe(`fail: 127.0.0.1:${port}: another process listens there`);
  const running = await scene.start();
  expect(await worst("ports")).toBe("ok: used by the running daemon");
  await running.stop();
});

it("names an offer that no contract allows", async () => {
  const before = await readFile(scene.configPath, "utf8");
  onTestFinished(() => writeFile(scene.configPath, before));
  expect(await worst("offer")).toBe("warn: nothing is offered");
  const offer = { factories: [nobody], prices: [{ token: `0x${"00".repeat(20)}`, perMonth: "4" }] };
  await appendFile(scene.configPath, `offer: ${JSON.stringify(offer)}\n`);
  const config = await loadConfig(scene.configPath);
  expect(await worst("offer", { offer: config.offer })).toBe(`fail: no contract at the factory ${nobody}`);
});

it("names data that the group pays for and that is not stored, and a damaged piece", async () => {
  const [stored] = scene.stored;
  const root = toHex(stored?.list.pieces.at(0)?.root ?? new Uint8Array()).slice(2);
  const piece = join(scene.config.dataDir, "store", "pieces", root);
  await rename(piece, `${piece}.gone`);
  const [data] = await items("data");
  expect(data?.grade).toBe("fail");
  expect(data?.found).toContain("1 fault");
  await rename(`${piece}.gone`, piece);
  expect(await worst("data")).toBe("ok: 1 piece in 1 list");
  const dataDir = join(scene.config.dataDir, "another");
  expect(await worst("group", { dataDir })).toMatch(
    /^fail: .* committed, but its list 0x[0-9a-f]{64} is not stored$/,
  );
});
