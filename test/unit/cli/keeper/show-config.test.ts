/** The origin of settings: flags override the environment, the file and the defaults. */
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { feeLimitsOf, resolveConfig, settings, tokenPricesOf } from "../../../../keeper/config.ts";
import { runCli } from "../../../support/cli.ts";
import { temporaryFolder } from "../../../support/files.ts";

const registry = `0x${"11".repeat(20)}`;
const text = `dataDir: data
chain:
  id: 31337
  rpc:
    - http://user:secret@127.0.0.1:8545/v3/apikey?token=abc
    - http://127.0.0.1:8546
  registry: "${registry}"
listen: [/ip4/127.0.0.1/tcp/4001]
keys: keys
logLevel: warn
`;

async function fileWith(content: string): Promise<string> {
  const file = join(await temporaryFolder(), "keeper.yaml");
  await writeFile(file, content);
  return file;
}

type Leaf = { key: string; value: unknown; origin: string };

describe("whitepay config show", () => {
  it("prints the origin of each value: flag, variable, line of the file or default", async () => {
    const file = await fileWith(text);
    const env = { WHITEPAY_LOG_LEVEL: "error", WHITEPAY_API_PORT: "9000", WHITEPAY_DATA_DIR: "/from/env" };
    const words = ["config", "show", "--config", file, "--data-dir", "/from/flag", "--origin"];
    const [json, plain] = await Promise.all([runCli([...words, "--json"], { env }), runCli(words, { env })]);
    expect(json.code, json.stderr).toBe(0);
    const { values } = JSON.parse(json.stdout) as { values: Leaf[] };
    const told = new Map(values.map(({ key, value, origin }) => [key, [value, origin]]));
    expect(told.get("dataDir")).toEqual(["/from/flag", "--data-dir"]);
    expect(told.get("logLevel")).toEqual(["error", "WHITEPAY_LOG_LEVEL"]);
    expect(told.get("api.port")).toEqual([9000, "WHITEPAY_API_PORT"]);
    expect(told.get("chain.id")).toEqual([31_337, `${file}:3`]);
    expect(told.get("keys")).toEqual([join(file, "..", "keys"), `${file}:9`]);
    expect(told.get("challengeTimeout_ms")).toEqual([60_000, "default"]);
    expect(plain.stdout).toContain('"/from/flag"  (--data-dir)');
    expect(plain.stdout.trim().split("\n")).toHaveLength(values.length);
  });

  it("prints YAML that is a valid config file, without the secrets in endpoints", async () => {
    const { code, stdout } = await runCli(["config", "show", "--config", await fileWith(text)]);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/secret|apikey|abc/);
    expect(parse(stdout)).toMatchObject({
      chain: { rpc: ["http://127.0.0.1:8545/…", "http://127.0.0.1:8546"] },
      logLevel: "warn",
    });
  });

  it("refuses an unknown key with its line, and an invalid value with its origin", async () => {
    const unknown = await fileWith(`${text}api:\n  host: 127.0.0.1\n  prot: 9464\n`);
    const file = await fileWith(text);
    const show = (at: string, words: string[] = [], env = {}) =>
      runCli(["config", "show", "--config", at, ...words], { env });
    const [typo, variable, flag, syntax] = await Promise.all([
      show(unknown),
      show(file, [], { WHITEPAY_CHAIN_ID: "one" }),
      show(file, ["--api-port", "70000"]),
      show(await fileWith("dataDir: [data\nchain: 1\n")),
    ]);
    expect([typo, variable, flag, syntax].map(({ code }) => code)).toEqual([2, 2, 2, 2]);
    expect(typo.stderr).toContain(`${unknown}:13: api.prot: unknown key; did you mean "port"?`);
    expect(variable.stderr).toContain("WHITEPAY_CHAIN_ID: chain.id: ");
    expect(flag.stderr).toContain("--api-port: api.port: ");
    expect(syntax.stderr).toMatch(/keeper\.yaml:[12]: /);
  });
});

describe("every setting of a keeper", () => {
  const values: Record<string, [flag: string, env: string]> = {
    text: ["a", "b"],
    path: ["/a", "/b"],
    "path-or-url": ["/a", "/b"],
    number: ["71", "72"],
    decimal: ["0.5", "0.25"],
    boolean: ["false", "true"],
    list: ["/a", "/b"],
  };
  const special: Record<string, [flag: string, env: string]> = {
    "chain.rpc": ["http://a/", "http://b/"],
    "chain.registry": [`0x${"aa".repeat(20)}`, `0x${"bb".repeat(20)}`],
    "chain.poll_ms": ["71", "72"],
    "chain.feeCap_gwei": ["71.5", "72"],
    "chain.tokenPrices": [`0x${"aa".repeat(20)}=3000.5`, `0x${"bb".repeat(20)}=2`],
    "chain.lens": [`0x${"aa".repeat(20)}`, `0x${"bb".repeat(20)}`],
    "chain.factories": [`0x${"aa".repeat(20)}`, `0x${"bb".repeat(20)}`],
    "policy.tokens": [`0x${"aa".repeat(20)}`, `0x${"bb".repeat(20)}`],
    "policy.leastKeeperFee": ["3", "4"],
    challengeTimeout_ms: ["710", "720"],
    "relay.use": ["always", "never"],
    logLevel: ["debug", "error"],
    logFormat: ["text", "json"],
  };

  it.each(settings.map((setting) => [setting.key, setting] as const))(
    "%s: a flag wins over the variable, the variable over the file",
    async (key, { flag, env, kind }) => {
      const file = await fileWith(text);
      const [byFlag, byEnv] = special[key] ?? values[kind] ?? ["", ""];
      const read = ({ config }: { config: unknown }): string =>
        String(key.split(".").reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], config));
      const sources = { file, env: { [env]: byEnv } };
      const both = await resolveConfig({ ...sources, flags: { [flag]: byFlag } });
      expect([read(both), both.origins.get(key)]).toEqual([byFlag, `--${flag}`]);
      const variable = await resolveConfig(sources);
      expect([read(variable), variable.origins.get(key)]).toEqual([byEnv, env]);
      const none = await resolveConfig({ file });
      expect(none.origins.get(key) ?? "default").toMatch(/keeper\.yaml:\d+$|^default$/);
    },
  );
});

describe("a switch", () => {
  it("is on by default, and refuses what is neither true nor false", async () => {
    const file = await fileWith(text);
    expect((await resolveConfig({ file })).config.policy.replaceResigned).toBe(true);
    const env = { WHITEPAY_POLICY_REPLACE_RESIGNED: "no" };
    await expect(resolveConfig({ file, env })).rejects.toThrow("WHITEPAY_POLICY_REPLACE_RESIGNED");
  });
});

describe("limits of fees", () => {
  it.each([
    [
      { "tip-cap-gwei": "600" },
      /expected tipFloor_gwei ≤ tipCap_gwei ≤ feeCap_gwei, actual 0\.001, 600, 500/,
    ],
    [{ "tip-floor-gwei": "6" }, /expected tipFloor_gwei ≤ tipCap_gwei ≤ feeCap_gwei, actual 6, 5, 500/],
    [
      { "tip-floor-gwei": "0.0000000001" },
      /--tip-floor-gwei: chain.tipFloor_gwei: expected at most 9 decimals/,
    ],
    [{ "tip-floor-gwei": "-1" }, /--tip-floor-gwei: chain.tipFloor_gwei: /],
    [
      { "token-prices": `0x${"aa".repeat(20)}=0` },
      /--token-prices: chain.tokenPrices.0: expected a price above 0/,
    ],
    [{ "token-prices": "USDC=3000" }, /--token-prices: chain.tokenPrices.0: expected TOKEN=PRICE/],
  ])("are refused if they contradict each other: %o", async (flags, message) => {
    await expect(resolveConfig({ file: await fileWith(text), flags })).rejects.toThrow(message);
  });

  it("are wei; prices have the token in lower case as key", async () => {
    const flags = { "tip-cap-gwei": "0.123456789", "token-prices": `0x${"AA".repeat(20)}=3000.5` };
    const { config } = await resolveConfig({ file: await fileWith(text), flags });
    expect(feeLimitsOf(config)).toEqual({
      tipFloor: 10n ** 6n,
      tipCap: 123_456_789n,
      feeCap: 500n * 10n ** 9n,
    });
    expect([...tokenPricesOf(config)]).toEqual([[`0x${"aa".repeat(20)}`, "3000.5"]]);
  });
});

describe("the location of the ledger", () => {
  it("is a file relative to the config file, or a URL whose secrets are hidden", async () => {
    const beside = await fileWith(`${text}ledger: books.sqlite\n`);
    expect((await resolveConfig({ file: beside })).config.ledger).toBe(join(dirname(beside), "books.sqlite"));
    const url = "postgres://me:s3cret@db.example:5432/books?sslmode=require";
    const away = await fileWith(`${text}ledger: ${url}\n`);
    expect((await resolveConfig({ file: away })).config.ledger).toBe(url);
    const shown = await runCli(["config", "show", "--origin", "--config", away]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/ledger +"postgres:\/\/db\.example:5432\/…" +\(.*keeper\.yaml:\d+\)/);
    expect(shown.stdout).not.toContain("s3cret");
  });
});
