/** `whitepay group payments` on a real chain, without a key and with limited endpoints. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keeperBalances } from "../../client/withdrawals.ts";
import type { Keeper } from "../../scripts/fleet/setup.ts";
import { runCli, type CliResult } from "../support/cli.ts";
import { RpcFront } from "../support/fleet/rpc-front.ts";
import {
  keeperConfig,
  newGroup,
  payerScene,
  storingProvider,
  type PaidGroup,
  type PayerScene,
} from "../support/payer-scene.ts";
import { settleNext } from "../support/settling.ts";

type Row = Readonly<Record<string, string>>;

let scene: PayerScene;
let front: RpcFront;
let group: PaidGroup;
let operator: string;
/** Credited to the provider until it withdrew everything. */
let earned: bigint;

beforeAll(async () => {
  scene = await payerScene({ keepers: 4 });
  front = await RpcFront.open(scene.rpc);
  group = await newGroup(scene);
  const { address, committee, view } = group;
  const provider = await storingProvider(scene, "paid", 21_501, { sizes: [1_000_000] });
  operator = provider.operator;
  const consent = join(scene.folder, "paid.consent");
  await provider.consent(address, consent);
  await scene.json(["group", "add-provider", consent, "--group", address, "--yes"]);
  await settleNext(scene, group, { provenBps: 3_100n });
  await settleNext(scene, group);
  earned = (await view.providers())[0]?.credit ?? 0n;
  const { factory, lens } = scene;
  const config = await keeperConfig(scene, scene.keepers[1] as Keeper);
  const flags = ["--factories", factory, "--lens", lens, "--config", config, "--yes"];
  const calls = [
    runCli(["provider", "withdraw", "--group", address, "--config", provider.config, "--yes"]),
    runCli(["keeper", "withdraw", committee.address, ...flags]),
    scene.run(["group", "withdraw", "2", "--group", address, "--yes"]),
  ];
  for (const { code, stderr } of await Promise.all(calls)) {
    if (code !== 0) throw new Error(stderr);
  }
});
afterAll(async () => {
  await front.close();
  await scene.close();
});

const payments = (rpc: string, ...flags: string[]): Promise<CliResult> =>
  runCli(["group", "payments", "--group", group.address, "--lens", scene.lens, "--rpc", rpc, ...flags]);

function rowsOf({ code, stdout, stderr }: CliResult): Row[] {
  expect(code, stderr).toBe(0);
  const [head = "", ...lines] = stdout.trimEnd().split("\r\n");
  const names = head.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((value, i) => [names[i], value])));
}

const sum = (rows: readonly Row[], matching: Row): bigint =>
  rows
    .filter((row) => Object.entries(matching).every(([name, value]) => row[name] === value))
    .reduce((total, { units = "0" }) => total + BigInt(units), 0n);

/** Block ranges of the requests for logs: of all events, or of those that tell which committee served when. */
function spans(name: string, events: "all" | "services" = "all"): number[] {
  type Filter = {
    readonly fromBlock: string;
    readonly toBlock: string;
    readonly topics?: readonly unknown[];
  };
  return front
    .traffic(name)
    .calls.filter(({ method }) => method === "eth_getLogs")
    .map(({ params }) => params[0] as Filter)
    .filter(({ topics = [] }) => topics.length > 0 === (events === "services"))
    .map(({ fromBlock, toBlock }) => Number(toBlock) - Number(fromBlock) + 1);
}

describe("whitepay group payments", () => {
  it("lists every credit and withdrawal with its exact amount, without a key", async () => {
    const rows = rowsOf(await payments(scene.rpc, "--csv"));
    const of = { role: "provider", operator };
    expect(sum(rows, { ...of, kind: "settled" })).toBe(earned);
    expect(sum(rows, { ...of, kind: "withdrawn" })).toBe(earned);
    for (const { index, operator: keeper } of scene.keepers) {
      const { address } = group.committee;
      const seat = {
        role: "keeper",
        committee: address,
        version: "1",
        index: String(index),
        operator: keeper,
      };
      const [credited, withdrawn] = [
        sum(rows, { ...seat, kind: "settled" }),
        sum(rows, { ...seat, kind: "withdrawn" }),
      ];
      expect(credited).toBeGreaterThan(0n);
      // The second keeper withdrew everything, the others nothing.
      expect(withdrawn).toBe(index === 1 ? credited : 0n);
      const balances = await keeperBalances(scene.provider, {
        lens: scene.lens,
        committee: address,
        operator: keeper,
      });
      expect(balances.reduce((total, { balance }) => total + balance, 0n)).toBe(credited - withdrawn);
    }
    expect(sum(rows, { role: "payer", kind: "withdrawn" })).toBe(2n * 10n ** 18n);
    const settled = rows.filter(({ kind, role }) => kind === "settled" && role === "provider");
    const { interval } = group.committee.rhythm;
    // The first begins with the provider's first block.
    const blocks = settled.map(({ from, through }) => Number(through) - Number(from));
    expect(blocks).toEqual([interval, interval]);
    // A partial proof is paid in part.
    const [part, whole] = settled.map(({ spaceTime = "0" }) => BigInt(spaceTime)) as [bigint, bigint];
    expect(part).toBeLessThan((whole * 32n) / 100n);
    expect(rows.map(({ time = "" }) => Number.isNaN(Date.parse(time)))).not.toContain(true);
  });

  it("prints the same as text with sums, and as one document", async () => {
    const [text, document, csv] = await Promise.all([
      payments(scene.rpc),
      payments(scene.rpc, "--json"),
      payments(scene.rpc, "--csv"),
    ]);
    const rows = rowsOf(csv);
    const { payments: all, token } = JSON.parse(document.stdout) as {
      payments: { amount: string }[];
      token: { symbol: string };
    };
    expect(token.symbol).toBe("WPD");
    expect(all.map(({ amount }) => amount)).toEqual(rows.map(({ units }) => units));
    expect(text.stdout).toMatch(/^block \d+, .* UTC, blocks \d+ to \d+, 0x[0-9a-f]{64}$/m);
    expect(text.stdout).toMatch(new RegExp(`^ {2}credited .* WPD: provider 0, ${operator}$`, "m"));
    expect(text.stdout).toMatch(/^ {2}payer: credited 0 WPD, withdrawn 2 WPD$/m);
  });

  it("requests smaller ranges from an endpoint that limits logs, and never more than the given maximum", async () => {
    const all = rowsOf(await payments(scene.rpc, "--csv"));
    const most = 7;
    front.fail("limited", (method, params) => {
      if (method !== "eth_getLogs") return undefined;
      const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
      if (Number(toBlock) - Number(fromBlock) < most) return undefined;
      return { code: -32_005, message: `query exceeds max block range ${most}` };
    });
    expect(rowsOf(await payments(front.url("limited"), "--csv"))).toEqual(all);
    // A refused range is not requested again.
    for (const events of ["all", "services"] as const) {
      const asked = spans("limited", events);
      expect(asked.length).toBeGreaterThan(12);
      expect(asked.filter((span) => span > most).length).toBeLessThan(12);
    }
    const [bounded, part] = await Promise.all([
      payments(front.url("bounded"), "--csv", "--blocks-at-once", "5"),
      payments(
        front.url("part"),
        "--csv",
        "--from",
        all[0]?.["block"] ?? "",
        "--to",
        all[0]?.["block"] ?? "",
      ),
    ]);
    expect(rowsOf(bounded)).toEqual(all);
    expect(Math.max(...spans("bounded"), ...spans("bounded", "services"))).toBe(5);
    expect(rowsOf(part)).toEqual(all.filter(({ block }) => block === all[0]?.["block"]));
    expect(spans("part")).toEqual([1]);
  });

  it("exits with the code of the failure", async () => {
    front.fail("mute", (method) =>
      method === "eth_getLogs" ? { code: -32_000, message: "logs are pruned" } : undefined,
    );
    const nobody = `0x${"12".repeat(20)}`;
    const [both, order, dead, unknown, mute, none] = await Promise.all([
      payments(scene.rpc, "--csv", "--json"),
      payments(scene.rpc, "--from", "9", "--to", "5"),
      payments("http://127.0.0.1:1"),
      runCli(["group", "payments", "--group", nobody, "--lens", scene.lens, "--rpc", scene.rpc]),
      payments(front.url("mute")),
      payments(scene.rpc, "--blocks-at-once", "0"),
    ]);
    expect([both, order, dead, unknown, mute, none].map(({ code }) => code)).toEqual([2, 2, 3, 2, 3, 2]);
    expect(order.stderr).toMatch(/--from is after --to\n +expected: a block up to 5\n +actual: +9/);
    expect(mute.stderr).toMatch(
      /the endpoint returns no events of block \d+: .*\n +hint: +use another endpoint/,
    );
  });
});
