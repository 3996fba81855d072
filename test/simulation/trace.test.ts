import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { noteInScenario } from "../../sim/group-names.ts";
import { addressOfCommittee } from "../../sim/chain/snapshots.ts";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";
import { parseScenario } from "../../sim/scenario/schema.ts";
import { simulate } from "../../sim/simulate.ts";
import type { RunEvent } from "../../sim/trace/events.ts";
import { runCli } from "../support/cli.ts";
import { temporaryFolder } from "../support/files.ts";

const library = (name: string): string => join(projectRoot, "sim/scenarios", `${name}.yaml`);

async function eventsOf(name: string, seed = 1): Promise<readonly RunEvent[]> {
  const file = library(name);
  return (await simulate(parseScenario(readFileSync(file, "utf8"), file), seed)).events;
}

function all<K extends RunEvent["kind"]>(
  events: readonly RunEvent[],
  kind: K,
): Extract<RunEvent, { kind: K }>[] {
  return events.filter((event): event is Extract<RunEvent, { kind: K }> => event.kind === kind);
}

describe("the events of a run", () => {
  it("hold receivers and times of each message, and the end of each fault", async () => {
    const events = await eventsOf("storm");
    // Some 45 messages of one seed are too few for a share.
    const others = [await eventsOf("storm", 2), await eventsOf("storm", 3)];
    const said = [events, ...others].flatMap((some) => all(some, "said"));
    for (const { keeper, at_ms, arrivals } of said) {
      expect(arrivals.every((arrival) => arrival.at_ms > at_ms && arrival.keeper !== keeper)).toBe(true);
    }
    // Half of them are lost in blocks 60 to 90, and half come twice from block 200 on.
    const copies = (from: number, to: number): number => {
      const some = said.filter(({ block }) => block >= from && block < to);
      return some.reduce((sum, { arrivals }) => sum + arrivals.length, 0) / (3 * some.length);
    };
    expect(copies(60, 90)).toBeLessThan(0.7);
    expect(copies(200, 240)).toBeGreaterThan(1.3);
    const lasted = all(events, "fault").map(({ id, block }) => {
      return (all(events, "fault-over").find((over) => over.id === id)?.block ?? 0) - block;
    });
    expect(lasted).toEqual([30, 30, 40]);
  });

  it("are in the order of blocks, with each turn and its leader before the messages of the turn", async () => {
    const events = await eventsOf("leader-crashes-after-close");
    const turns = all(events, "turn");
    expect(events.every(({ at_ms }, i) => i === 0 || at_ms >= (events[i - 1]?.at_ms ?? 0))).toBe(true);
    for (const announced of all(events, "said").filter(({ message }) => message === "announce")) {
      const { ts, turn } = announced.round ?? { ts: -1, turn: -1 };
      const opened = turns.find((one) => one.ts === ts && one.turn === turn);
      expect(opened?.leader).toBe(announced.keeper);
      expect(opened?.block).toBeLessThanOrEqual(announced.block);
    }
    // R6: one crashed leader costs one turn.
    expect(turns.map(({ turn }) => turn).filter((turn) => turn > 1)).toEqual([2]);
  });

  it("hold a settlement that a reorg removed, and the one that replaced it", async () => {
    const faults = "faults: [{when: {settlement: 2, phase: settle}, kind: reorg, depth: 2}]";
    const { events } = await simulate(
      parseScenario(`name: reorg\nsettlements: 3\n${faults}\n`, "reorg.yaml"),
      1,
    );
    const [taken] = all(events, "taken-back");
    const twice = all(events, "settled").filter(({ ts }) => ts === taken?.ts);
    expect(taken).toBeDefined();
    expect(twice).toHaveLength(2);
  });

  it("hold the credits: nine tenths to providers, one tenth to keepers that are payees", async () => {
    const settled = all(await eventsOf("leader-crashes-after-close"), "settled");
    for (const { failed, payees, paid } of settled) {
      const sum = (to: "keeper" | "provider"): bigint =>
        paid.reduce((total, one) => (one.to === to ? total + one.units : total), 0n);
      expect(paid.filter(({ to }) => to === "keeper").map(({ index }) => index)).toEqual(payees);
      // R30: a failed keeper takes no share, and the others divide the tenth; the share of a keeper that is no payee is not paid.
      const tenth = Number(sum("provider")) / 9;
      // The fee of a keeper for each interval (R30) comes on top: less than a thousandth here.
      expect(Number(sum("keeper")) / tenth).toBeCloseTo(payees.length / (4 - failed.length), 2);
    }
    expect(settled.flatMap(({ failed }) => failed)).toHaveLength(1);
  });
});

describe("whitepay sim replay", () => {
  it("prints the same text as in this process, and writes the page", async () => {
    const file = library("storm");
    const html = join(await temporaryFolder(), "run.html");
    const { code, stdout, stderr } = await runCli([
      "sim",
      "replay",
      file,
      "--seed",
      "5",
      "--trace",
      "--html",
      html,
    ]);
    const here = await simulate(parseScenario(readFileSync(file, "utf8"), file), 5);
    expect(stderr).toContain(`timeline: ${html}`);
    expect(code).toBe(0);
    expect(stdout).toBe(`${here.trace.join("\n")}\n`);
    expect(readFileSync(html, "utf8")).toContain(
      "<title>loss, long delays and duplicates, one after the other (seed 5)</title>",
    );
  });

  it("reports a page that cannot be written, and prints no trace unless asked", async () => {
    const html = join(await temporaryFolder(), "missing", "run.html");
    const { code, stdout, stderr } = await runCli(["sim", "replay", library("all-is-well"), "--html", html]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${html} cannot be written: `);
    expect(stdout).toBe("");
    expect(existsSync(html)).toBe(false);
  });
});

it("names a group by its place in the scenario, also in a note of a keeper, which knows its number in a committee", () => {
  const cluster = new Cluster({ ...defaultOptions, committees: 2, groups: 4 });
  const named = (committee: number, note: string): string =>
    noteInScenario(cluster.chain, addressOfCommittee(committee), note);
  // Groups 0 and 2 are numbers 1 and 2 of committee 0, groups 1 and 3 of committee 1.
  expect(named(0, "group 2, provider 1, slot 4")).toBe("group 2, provider 1, slot 4");
  expect(named(0, "expected group 1, provider 0, actual group 2, provider 0")).toBe(
    "expected group 0, provider 0, actual group 2, provider 0",
  );
  expect(named(1, "group 2, provider 1, slot 4")).toBe("group 3, provider 1, slot 4");
  expect(named(1, "group 9, provider 1")).toBe("no group (number 9 of committee 1), provider 1");
  expect(noteInScenario(cluster.chain, "", "group 1, provider 0")).toBe("group 1, provider 0");
});
