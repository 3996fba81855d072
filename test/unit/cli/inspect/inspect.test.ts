import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decisionsOf, spaceTimeOf, turnRows } from "../../../../cli/inspect/rules.ts";
import { addressOption, hexOption, integerOption } from "../../../../cli/console/options.ts";
import { runCli } from "../../../support/cli.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "whitepay-inspect-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function inputFile(content: unknown): Promise<string> {
  const file = join(folder, `${Math.random()}.json`);
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

const seed = `0x${"11".repeat(32)}`;
const operators = [1, 2, 3, 4].map((i) => `0x${String(i).repeat(40)}`);
const turnsOptions = { ts: 100, interval: 30, turn: 20, committeeSeed: seed, operators };

describe("inspect turns", () => {
  it("prints one document, by default with one turn per keeper", async () => {
    const args = ["--ts", "100", "--interval", "30", "--turn", "20", "--committee-seed", seed];
    const { code, stdout } = await runCli([
      "inspect",
      "turns",
      ...args,
      "--operators",
      operators.join(),
      "--json",
    ]);
    const { turns } = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(turns).toHaveLength(4);
    expect(Object.keys(turns[0])).toEqual(["turn", "leader", "from", "to", "te", "failed"]);
    expect(turns[0]).toMatchObject({ turn: 1, from: 130, to: 150, te: 130, failed: [] });
    expect(turns[1]).toMatchObject({ turn: 2, from: 150, to: 170, te: 150, failed: [turns[0].leader] });
    expect(turns[3].failed).toEqual([turns[2].leader]);
    expect(new Set(turns.map((t: { leader: string }) => t.leader)).size).toBe(4);
  });

  it("prints text without --json", async () => {
    const args = ["--ts", "0", "--interval", "1", "--turn", "1", "--committee-seed", seed, "--turns", "1"];
    const { code, stdout } = await runCli(["inspect", "turns", ...args, "--operators", operators.join()]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^turn 1: 0x\d{40} leads in blocks 1 to 1, settles through 1; no failed leaders\n$/,
    );
  });

  it("prints the given number of turns, beyond one round of the order", () => {
    const rows = turnRows({ ...turnsOptions, turns: 9 });
    expect(rows).toHaveLength(9);
    expect(rows[4]!.leader).toBe(rows[0]!.leader);
    expect(rows[8]!.te).toBe(290);
  });

  it("refuses a wrong committee size, a duplicate address and turns beyond the largest block number", () => {
    expect(() => turnRows({ ...turnsOptions, operators: operators.slice(1) })).toThrow("not a committee");
    const twice = [...operators.slice(0, 3), operators[0]!.toUpperCase().replace("0X", "0x")];
    expect(() => turnRows({ ...turnsOptions, operators: twice })).toThrow("twice");
    expect(() => turnRows({ ...turnsOptions, ts: Number.MAX_SAFE_INTEGER })).toThrow("exceed");
  });

  it("exits 2 for every malformed option, with the expected form", async () => {
    const good = [
      "--ts",
      "1",
      "--interval",
      "30",
      "--turn",
      "20",
      "--committee-seed",
      seed,
      "--operators",
      operators.join(),
    ];
    const bad: [string, string][] = [
      ["--ts", "-1"],
      ["--ts", "1e3"],
      ["--interval", "0"],
      ["--turn", "9007199254740992"],
      ["--committee-seed", "0x12"],
      ["--operators", `${operators[0]},,${operators[1]}`],
      ["--turns", "100001"],
    ];
    for (const [option, value] of bad) {
      const { code, stdout, stderr } = await runCli(["inspect", "turns", ...good, option, value]);
      expect({ option, value, code, stdout }).toEqual({ option, value, code: 2, stdout: "" });
      expect(stderr).toContain("expected:");
    }
  });
});

const slots = {
  slotBlocks: 5,
  fromSlot: 3,
  toSlot: 7,
  committed: "100",
  records: [{ slot: 4, bytes: "80" }],
};

describe("inspect spacetime", () => {
  it("prints the sum as decimal text", async () => {
    const file = await inputFile({ ...slots, before: "50" });
    expect(await runCli(["inspect", "spacetime", "--file", file, "--json"])).toEqual({
      code: 0,
      stdout: '{"spaceTime":"1450"}\n',
      stderr: "",
    });
  });

  it("accepts commitments from slots on, failed records and any order", () => {
    const committed = [
      { fromSlot: 6, bytes: "10" },
      { fromSlot: 3, bytes: "100" },
    ];
    const records = [
      { slot: 5, failed: "late" },
      { slot: 4, bytes: "80" },
      { slot: 6, bytes: "20" },
    ];
    expect(spaceTimeOf({ ...slots, before: "50", committed, records }, "input")).toBe(
      (50n + 80n + 0n + 10n) * 5n,
    );
  });

  it.each([
    [
      "a duplicate record",
      {
        records: [
          { slot: 4, bytes: "1" },
          { slot: 4, failed: "late" },
        ],
      },
      "second record of slot 4",
    ],
    [
      "a record before the range",
      { records: [{ slot: 2, bytes: "1" }] },
      "expected a slot in [3, 7), actual 2",
    ],
    ["a record at the end of the range", { records: [{ slot: 7, bytes: "1" }] }, "actual 7"],
    [
      "a record with both outcomes",
      { records: [{ slot: 4, bytes: "1", failed: "late" }] },
      "either bytes or failed",
    ],
    ["a record with no outcome", { records: [{ slot: 4 }] }, "either bytes or failed"],
    ["bytes as a number", { records: [{ slot: 4, bytes: 1 }] }, "records[0].bytes"],
    ["negative bytes", { before: "-1" }, "before: expected decimal digits"],
    ["bytes beyond uint128", { before: "340282366920938463463374607431768211456" }, "at most 2^128 - 1"],
    ["endless digits", { before: "9".repeat(100_000) }, "39 decimal digits"],
    [
      "a range that ends before it starts",
      { toSlot: 2, records: [] },
      "expected at least fromSlot 3, actual 2",
    ],
    ["a slot of no blocks", { slotBlocks: 0 }, "slotBlocks"],
    ["a fractional slot", { fromSlot: 3.5 }, "fromSlot"],
    [
      "two commitments from one slot",
      {
        committed: [
          { fromSlot: 1, bytes: "1" },
          { fromSlot: 1, bytes: "2" },
        ],
      },
      "second commitment from slot 1",
    ],
    ["no commitment", { committed: undefined }, "committed"],
    ["an unknown key", { comitted: "1" }, "comitted"],
  ])("refuses %s", (_, change, text) => {
    const { message, code } = failure(() => spaceTimeOf({ ...slots, ...change }, "input"));
    expect(message).toContain(text);
    expect(code).toBe(2);
  });
});

const reveals = [0, 1, 3].map((keeper) => ({ keeper, values: { "0": `${100 + keeper}`, "7": `${keeper}` } }));
const round = { n: 4, toleranceBps: 100, reveals };

describe("inspect decide", () => {
  it("decides each provider independently", async () => {
    const file = await inputFile(round);
    const { code, stdout } = await runCli(["inspect", "decide", "--file", file, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      decisions: { "0": { value: "101", agreed: true }, "7": { value: "1", agreed: false } },
    });
  });

  it("accepts all n reveals", () => {
    const all = [...reveals, { keeper: 2, values: { "0": "102", "7": "2" } }];
    expect(decisionsOf({ ...round, reveals: all }, "input")["7"]).toEqual({ value: 1n, agreed: false });
  });

  it.each([
    [
      "fewer reveals than the quorum",
      { reveals: reveals.slice(1) },
      "expected 3 (quorum) to 4 of them, actual 2",
    ],
    ["more reveals than keepers", { reveals: [...reveals, ...reveals] }, "actual 6"],
    ["a keeper that reveals twice", { reveals: [...reveals, reveals[0]] }, "keeper 0 reveals twice"],
    [
      "a keeper out of range",
      { reveals: [...reveals, { ...reveals[0], keeper: 4 }] },
      "expected an index below 4, actual 4",
    ],
    [
      "unequal providers",
      { reveals: [...reveals, { keeper: 2, values: { "0": "1" } }] },
      "expected the providers of the first reveal (0,7), actual 0",
    ],
    [
      "a provider that is no index",
      { reveals: reveals.map((r) => ({ ...r, values: { "01": "1" } })) },
      "provider index",
    ],
    [
      "a provider beyond uint32",
      { reveals: reveals.map((r) => ({ ...r, values: { "4294967296": "1" } })) },
      "below 2^32",
    ],
    ["a committee of 5", { n: 5 }, "3f+1"],
    ["a fractional tolerance", { toleranceBps: 0.5 }, "toleranceBps"],
    [
      "a value that is no amount",
      { reveals: reveals.map((r) => ({ ...r, values: { "0": "0x1" } })) },
      "decimal digits",
    ],
  ])("refuses %s", (_, change, text) => {
    const { message, code } = failure(() => decisionsOf({ ...round, ...change }, "input"));
    expect(message).toContain(text);
    expect(code).toBe(2);
  });
});

describe("input files", () => {
  it("exits 2 if the file is missing, a folder, empty, or not a JSON object", async () => {
    const cases: [string, string][] = [
      [join(folder, "missing.json"), "there is no such file"],
      [folder, "it is a folder"],
      [await inputFile(""), "is not JSON"],
      [await inputFile("{"), "is not JSON"],
      [await inputFile("[]"), "is not valid"],
      [await inputFile("null"), "is not valid"],
    ];
    for (const [file, text] of cases) {
      for (const command of ["spacetime", "decide"]) {
        const { code, stdout, stderr } = await runCli(["inspect", command, "--file", file, "--json"]);
        expect({ command, code, stdout }).toEqual({ command, code: 2, stdout: "" });
        expect(stderr).toContain(text);
      }
    }
  });

  it("are stdin for -", async () => {
    const args = ["inspect", "spacetime", "--file", "-", "--json"];
    const { stdout } = await runCli(args, { input: JSON.stringify({ ...slots, before: "50" }) });
    expect(JSON.parse(stdout)).toEqual({ spaceTime: "1450" });
  });
});

describe("option values", () => {
  it("accept an address in lower case, in upper case or with a valid checksum", () => {
    const parse = addressOption("--a");
    const address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    const upper = `0x${address.slice(2).toUpperCase()}`;
    expect([address, address.toLowerCase(), upper].map(parse)).toHaveLength(3);
    expect(() => parse(address.replace("c79C8", "c79c8"))).toThrow("wrong checksum");
    expect(() => parse(address.slice(0, -1))).toThrow("not valid");
    expect(() => parse(address.slice(2))).toThrow("not valid");
  });

  it("accept whole numbers as plain decimals only", () => {
    const parse = integerOption("--n", { min: 2, max: 9 });
    expect(parse("2")).toBe(2);
    for (const text of ["1", "10", "", " 3", "+3", "03", "0x3", "3.0", "Infinity"]) {
      expect(() => parse(text)).toThrow("not valid");
    }
  });

  it("accept hex of the exact length only", () => {
    const parse = hexOption("--h", 2);
    expect(parse("0xabCD")).toBe("0xabCD");
    for (const text of ["abcd", "0xabc", "0xabcde", "0xabcg", "0Xabcd"])
      expect(() => parse(text)).toThrow("not valid");
  });
});

function failure(call: () => unknown): { message: string; code: unknown } {
  try {
    call();
  } catch (error) {
    return error as { message: string; code: unknown };
  }
  throw new Error("nothing was refused");
}
