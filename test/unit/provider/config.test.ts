/** A provider's configuration, keys and consent. */
import { chmod, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { verifyTypedData } from "ethers";
import { describe, expect, it } from "vitest";
import { sealKey, writeKeyFile } from "../../../daemon/keys/keystore.ts";
import { secretKeyAddress } from "../../../protocol/codec/receipt.ts";
import { fromHex, toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { ConfigError, initProvider, loadConfig, loadKeys } from "../../../provider/config.ts";
import { signConsent } from "../../../provider/consent.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";

const group: Hex = `0x${"A1".repeat(20)}`;
const password = "a provider's password";

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
  it("are made once, encrypted and readable by their owner only, and are read back absolute and in lower case", async () => {
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

  it("hold earlier receipt keys beside the current one", async () => {
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
      [
        `${text}\nvolumes: [{ path: a }, { path: ./a }]\n`,
        /volumes: expected each path once, actual .*a twice/,
      ],
      [`${text}\nvolumes: [{ path: a, maxBytes: 0 }]\n`, /provider\.yaml:\d+: volumes\.0\.maxBytes: /],
      ["{ not yaml: [", /provider\.yaml:1: /],
      ["", /dataDir: missing .* WHITEPAY_DATA_DIR or by --data-dir/],
    ];
    for (const [content, reason] of bad) {
      await writeFile(config, content);
      await expect(loadConfig(config)).rejects.toThrow(reason);
      await expect(loadConfig(config)).rejects.toThrow(ConfigError);
    }
    await writeFile(config, `${text}\nvolumes: [{ path: disks/a, maxBytes: 5 }, { path: /b }]\n`);
    const { volumes } = await loadConfig(config);
    expect(volumes).toEqual([{ path: join(dirname(config), "disks/a"), maxBytes: 5 }, { path: "/b" }]);
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
      await expect(loadKeys(keys, password)).rejects.toThrow(/other users may access/);
      await chmod(path, right);
    }
    await writeFile(receipt, "{}");
    await expect(loadKeys(keys, password)).rejects.toThrow(receipt);
  });

  it("sign a consent to every term, whose signer ethers recovers (R33)", async () => {
    const keys = await loadKeys((await made(await temporaryFolder())).keys, password);
    const terms = {
      group: group.toLowerCase() as Hex,
      committee: `0x${"c0".repeat(20)}` as const,
      listRoot: toHex(seededBytes(32, 3)),
      bytes: 2n ** 55n,
      price: 2n ** 79n,
      receiptKey: keys.receiptAddress,
      sequence: 4,
      deadline: 1_000,
    };
    const { signature } = await signConsent(keys, 5, terms);
    const types = {
      ProviderData: [
        { name: "committee", type: "address" },
        { name: "root", type: "bytes32" },
        { name: "size", type: "uint64" },
        { name: "price", type: "uint80" },
        { name: "receiptKey", type: "address" },
        { name: "sequence", type: "uint64" },
        { name: "deadline", type: "uint64" },
      ],
    };
    const domain = { name: "WhitePay", version: "2", chainId: 5, verifyingContract: terms.group };
    const { committee, price, receiptKey, sequence, deadline } = terms;
    const value = {
      committee,
      root: terms.listRoot,
      size: terms.bytes,
      price,
      receiptKey,
      sequence,
      deadline,
    };
    const signer = (changes: object) =>
      verifyTypedData(domain, types, { ...value, ...changes }, signature).toLowerCase();
    expect(signer({})).toBe(keys.operatorAddress);
    for (const changes of [{ sequence: 5 }, { price: 1n }, { deadline: 1_001 }, { committee: group }])
      expect(signer(changes)).not.toBe(keys.operatorAddress);
  });
});
