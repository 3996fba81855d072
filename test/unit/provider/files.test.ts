/** What a provider keeps in files: config, keys, faults, answers, and what the lose-data fault takes away. */
import { chmod, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { verifyTypedData } from "ethers";
import { Level } from "level";
import { describe, expect, it, onTestFinished } from "vitest";
import { sealKey, writeKeyFile } from "../../../daemon/keys/keystore.ts";
import { secretKeyAddress } from "../../../protocol/codec/receipt.ts";
import { fromHex, toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { openAnswers } from "../../../provider/answers-level.ts";
import { ConfigError, initProvider, loadConfig, loadKeys } from "../../../provider/config.ts";
import { signConsent } from "../../../provider/consent.ts";
import { faultPath, faultReader, writeFaults } from "../../../provider-sim/fault-file.ts";
import { loseData } from "../../../provider-sim/lose-data.ts";
import type { AnswerKey } from "../../../provider/ports.ts";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { PieceStore } from "../../../storage/disk/store.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";

const group: Hex = `0x${"A1".repeat(20)}`;
const password = "a provider's password";
const another: Hex = `0x${"02".repeat(20)}`;

function made(dataDir: string): Promise<{ config: string; keys: string }> {
  const registry = `0x${"B2".repeat(20)}`;
  const rpc = ["http://127.0.0.1:8545"];
  return initProvider({
    dataDir,
    chainId: 5,
    rpc,
    registry,
    listen: ["/ip4/127.0.0.1/tcp/0"],
    groups: [group],
    password,
    kdf: "light",
  });
}

describe("config and keys", () => {
  it("are made once, sealed and for their owner's eyes alone, and read back absolute and lower-case", async () => {
    const folder = await temporaryFolder();
    const paths = await made(folder);
    for (const path of [folder, paths.keys]) expect((await stat(path)).mode & 0o777).toBe(0o700);
    for (const name of ["operator", "receipt", "peer"]) {
      const file = join(paths.keys, `${name}.json`);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(JSON.parse(await readFile(file, "utf8"))).toHaveProperty("crypto");
    }
    const config = await loadConfig(paths.config);
    expect(config).toMatchObject({ dataDir: folder, keys: paths.keys, groups: [group.toLowerCase()] });
    const keys = await loadKeys(paths.keys, password);
    expect([...keys.receiptKeys.keys()]).toEqual([keys.receiptAddress]);
    expect(keys.receiptAddress).not.toBe(keys.operatorAddress);
    await expect(made(folder)).rejects.toThrow(/exists already/);
    expect(await loadKeys(paths.keys, password)).toEqual(keys);
    await expect(loadKeys(paths.keys, "another")).rejects.toThrow(/the password is not the one/);
  });

  it("hold the receipt keys of before a change beside the present one", async () => {
    const { keys: folder } = await made(await temporaryFolder());
    const before = await loadKeys(folder, password);
    await rename(join(folder, "receipt.json"), join(folder, "receipt-1.json"));
    const secret = toHex(seededBytes(32, 9).fill(0, 0, 1));
    await writeKeyFile(folder, "receipt", await sealKey("receipt", secret, password, "light"));
    const after = await loadKeys(folder, password);
    expect(after.receiptAddress).toBe(secretKeyAddress(fromHex(secret)));
    expect([...after.receiptKeys.keys()]).toEqual([after.receiptAddress, before.receiptAddress]);
  });

  it("are refused with file, field and expectation (D1)", async () => {
    const { config, keys } = await made(await temporaryFolder());
    const text = await readFile(config, "utf8");
    const bad: [string, RegExp][] = [
      [text.replace("id: 5", "id: 0"), /provider\.yaml:3: chain\.id: /],
      [text.replace("http:", "ftp:"), /chain\.rpc\.0: /],
      [text.replace("0xB2", "0xzz"), /chain\.registry: expected an address/],
      [`${text}\nextra: 1\n`, /provider\.yaml:\d+: extra: unknown key; expected one of dataDir, /],
      [text.replace("/ip4", "ip4"), /listen\.0: expected a multiaddr/],
      ["{ not yaml: [", /provider\.yaml:1: /],
      ["", /dataDir: missing .* WHITEPAY_DATA_DIR or by --data-dir/],
    ];
    for (const [content, reason] of bad) {
      await writeFile(config, content);
      await expect(loadConfig(config)).rejects.toThrow(reason);
      await expect(loadConfig(config)).rejects.toThrow(ConfigError);
    }
    const layers = {
      env: { WHITEPAY_RPC: "http://env:1", WHITEPAY_CHAIN_ID: "7", WHITEPAY_LOG_LEVEL: "debug" },
      flags: { "chain-id": "9" },
    };
    await writeFile(config, text);
    const { chain, logLevel } = await loadConfig(config, layers);
    expect(chain).toMatchObject({ id: 9, rpc: ["http://env:1"] });
    expect(logLevel).toBe("debug");
    await expect(loadConfig(`${config}.none`)).rejects.toThrow(
      /cannot be read: there is no such file or folder/,
    );
    const receipt = join(keys, "receipt.json");
    for (const [path, wide, right] of [
      [receipt, 0o640, 0o600],
      [keys, 0o750, 0o700],
    ] as const) {
      await chmod(path, wide);
      await expect(loadKeys(keys, password)).rejects.toThrow(/others can get at/);
      await chmod(path, right);
    }
    await writeFile(receipt, "{}");
    await expect(loadKeys(keys, password)).rejects.toThrow(receipt);
  });

  it("sign consent that ethers recovers, over root, size, receipt key and sequence (R33)", async () => {
    const keys = await loadKeys((await made(await temporaryFolder())).keys, password);
    const scope = { chainId: 5, group, listRoot: toHex(seededBytes(32, 3)), bytes: 2n ** 63n, sequence: 4 };
    const { signature } = await signConsent(keys, { ...scope, group: group.toLowerCase() as Hex });
    const types = {
      ProviderData: [
        { name: "root", type: "bytes32" },
        { name: "size", type: "uint64" },
        { name: "receiptKey", type: "address" },
        { name: "sequence", type: "uint64" },
      ],
    };
    const domain = { name: "WhitePay", version: "1", chainId: 5, verifyingContract: group.toLowerCase() };
    const value = { root: scope.listRoot, size: scope.bytes, receiptKey: keys.receiptAddress, sequence: 4 };
    const signer = (changes: object) =>
      verifyTypedData(domain, types, { ...value, ...changes }, signature).toLowerCase();
    expect(signer({})).toBe(keys.operatorAddress);
    expect(signer({ sequence: 5 })).not.toBe(keys.operatorAddress);
  });
});

describe("the fault file", () => {
  it("is read again when it changes, and counts as none when it is gone or not valid", async () => {
    const folder = await temporaryFolder();
    const invalid: string[] = [];
    const read = faultReader(folder, (text) => invalid.push(text));
    expect(await read()).toEqual([]);
    await writeFaults(folder, [{ kind: "slow", delay_ms: 5 }, { kind: "corrupt" }]);
    expect(await read()).toEqual([{ kind: "slow", delay_ms: 5 }, { kind: "corrupt" }]);
    await writeFaults(folder, [{ kind: "only-keepers", keepers: [group] }]);
    expect(await read()).toEqual([{ kind: "only-keepers", keepers: [group.toLowerCase()] }]);
    await writeFile(faultPath(folder), '[{"kind":"explode"}]');
    expect([await read(), await read()]).toEqual([[], []]);
    expect(invalid).toHaveLength(1);
    await writeFaults(folder, []);
    expect(await read()).toEqual([]);
  });
});

describe("answers given", () => {
  const key = (slot: number, keeper: Hex = group): AnswerKey => ({ group, slot, provider: 3, keeper });
  const answer = (number: number) => ({
    blockHash: toHex(seededBytes(32, number)),
    seed: seededBytes(48, number),
    response: seededBytes(3_000, number),
  });

  it("are there after a restart, each under its own key, and old slots are forgotten", async () => {
    const folder = await temporaryFolder();
    const first = await openAnswers(folder);
    for (const slot of [1, 2, 10, 300]) await first.put(key(slot), answer(slot));
    await first.put(key(10, another), answer(11));
    await first.close();
    const again = await openAnswers(folder);
    onTestFinished(() => again.close());
    const seedAt = async (at: AnswerKey) => toHex((await again.get(at))?.seed ?? new Uint8Array());
    expect(toHex((await again.get(key(10)))?.response ?? new Uint8Array())).toBe(toHex(answer(10).response));
    expect(await seedAt(key(10, another))).toBe(toHex(answer(11).seed));
    expect(await again.get(key(11))).toBeUndefined();
    expect(await again.get({ ...key(10), provider: 4 })).toBeUndefined();
    await again.prune(another, 1_000);
    await again.prune(group, -5);
    expect(await seedAt(key(1))).toBe(toHex(answer(1).seed));
    await again.prune(group, 10);
    const left = await Promise.all(
      [1, 2, 10, 300].map(async (slot) => (await again.get(key(slot))) !== undefined),
    );
    expect(left).toEqual([false, false, true, true]);
  });

  it("that were damaged count as none, so that they are made again", async () => {
    const folder = await temporaryFolder();
    const answers = await openAnswers(folder);
    await answers.put(key(1), answer(1));
    await answers.close();
    const db = new Level<string, Uint8Array>(folder, { valueEncoding: "view" });
    const [name] = await db.keys().all();
    await db.put(name!, seededBytes(50, 1));
    await db.close();
    const again = await openAnswers(folder);
    onTestFinished(() => again.close());
    expect(await again.get(key(1))).toBeUndefined();
  });
});

describe("losing data", () => {
  it("destroys the part of each piece that was asked for, in whole blocks, and says how much", async () => {
    const folder = await temporaryFolder();
    const store = await PieceStore.open(join(folder, "store"));
    const sizes = [100_000, 5_000];
    const entries: PieceEntry[] = [];
    for (const [i, size] of sizes.entries()) {
      await writeFile(join(folder, String(i)), seededBytes(size, i));
      entries.push(await store.ingest(join(folder, String(i))));
    }
    const list = await store.addToList(entries);
    const changed = async (piece: number): Promise<number[]> => {
      const now = await readFile(join(store.pieceDir(entries[piece]!.root), "data"));
      const then = seededBytes(sizes[piece]!, piece);
      return [now.length, then.filter((byte, i) => byte !== now[i]).length];
    };
    expect(await loseData(store, list, 0)).toBe(0);
    expect(await loseData(store, list, 0.5)).toBe(12 * 4096 + 4096);
    expect([await changed(0), await changed(1)]).toEqual([
      [100_000, 12 * 4096],
      [5_000, 4096],
    ]);
    expect(await loseData(store, list, 1)).toBe(105_000);
    expect((await changed(0))[0]).toBe(0);
    for (const fraction of [1.5, Number.NaN])
      await expect(loseData(store, list, fraction)).rejects.toThrow(RangeError);
  });
});
