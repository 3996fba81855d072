/** Do the checkers bite? Faults planted in the core, each of which random scenarios must find within a budget of seeds. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cliScript, projectRoot } from "../../scripts/lib/paths.ts";

type Fault = {
  readonly name: string;
  readonly file: string;
  readonly original: string;
  readonly planted: string;
  /** Seeds within which it must be found. */
  readonly budget: number;
};

type Said = { readonly code: number | null; readonly said: string };

const core = "keeper/core/";
const faults: readonly Fault[] = [
  {
    name: "takes f+1 for a quorum",
    file: `${core}quorum.ts`,
    original: "return 2 * faultBound(n) + 1;",
    planted: "return faultBound(n) + 1;",
    budget: 20,
  },
  {
    name: "signs without the note",
    file: `${core}stages/sign.ts`,
    original:
      'step.effects.push({ kind: "persist", writes: [{ kind: "note", ts: turn.ts, turn: turn.turn, digest }] });',
    planted: "",
    budget: 10,
  },
  {
    name: "sends before its writes are on the disk",
    file: "keeper/runtime/loop.ts",
    original: "await this.#dependencies.persist(writes);",
    planted: "void this.#dependencies.persist(writes);",
    budget: 10,
  },
  {
    name: "submits in the leader's place while that has time",
    file: `${core}stages/submit.ts`,
    original: "return fallbackBlock(turn.te, turnBlocks) + behind - 1;",
    planted: "return turn.te + behind;",
    budget: 10,
  },
  {
    name: "begins a life without what its store held",
    file: `${core}machine.ts`,
    original: "for (const record of event.records) addRecord(now, record);",
    planted: "",
    budget: 10,
  },
  {
    name: "goes on settling when the group has ended",
    file: `${core}turn.ts`,
    original: "if (number < 1 || me < 0 || ended) return;",
    planted: "if (number < 1 || me < 0) return;",
    budget: 60,
  },
  {
    name: "counts no slot that a terminate cuts",
    file: `${core}stages/integrate.ts`,
    original: "fromBlock + params.slot - 1",
    planted: "fromBlock",
    budget: 40,
  },
  {
    name: "signs new digests in the turn of its start",
    file: `${core}stages/sign.ts`,
    original: "if (turn.te <= state.startHead + group.params.confirmations) {",
    planted: "if (turn.te < 0) {",
    budget: 60,
  },
  {
    name: "a failed keeper is a payee",
    file: `${core}stages/decide.ts`,
    original: "(opened[i] ?? 0) >= needed && !turn.failed.includes(r.keeper)",
    planted: "(opened[i] ?? 0) >= needed",
    budget: 40,
  },
  {
    name: "ignores the audit when it names payees",
    file: `${core}stages/decide.ts`,
    original: "(opened[i] ?? 0) >= needed",
    planted: "needed >= 0",
    budget: 40,
  },
  {
    name: "carries nothing over a slot without a record",
    file: `${core}spacetime.ts`,
    original: "range.records.get(slot) ?? carried",
    planted: "range.records.get(slot) ?? 0n",
    budget: 60,
  },
  {
    name: "names the leaders before as failed one turn late",
    file: `${core}turns.ts`,
    original: "leaderOf(order, turn - count + i)",
    planted: "leaderOf(order, turn - count + i + 1)",
    budget: 20,
  },
  {
    name: "waits for all commits and never for the time-out",
    file: `${core}stages/close.ts`,
    original: "!(waited && commits.length >= quorum(n))",
    planted: "true",
    budget: 20,
  },
  {
    name: "waits for all reveals and never for the deadline",
    file: `${core}stages/decide.ts`,
    original: "if (counted.length < commits.length && !waited) return false;",
    planted: "if (counted.length < commits.length) return false;",
    budget: 40,
  },
  {
    name: "nobody submits in the leader's place",
    file: `${core}stages/submit.ts`,
    original: "if (turn.me === turn.leader) return turn.te;",
    planted: "return turn.me === turn.leader ? turn.te : turn.te + turnBlocks;",
    budget: 500,
  },
  {
    name: "keeps the records of settled slots for ever",
    file: `${core}stages/settle.ts`,
    original: "if (slot < firstSlot) bySlot.delete(slot);",
    planted: "",
    budget: 10,
  },
  {
    name: "stops at the first of two reveals that it hears",
    file: `${core}stages/reveal.ts`,
    original: "if (others.length >= maxRevealsHeard && !named) {",
    planted: "if (others.length > 0) {",
    budget: 300,
  },
  {
    name: "never asks others for what it missed",
    file: `${core}liveness.ts`,
    original: "if (!missesSomething(state, turn)) return;",
    planted: "return;",
    budget: 20,
  },
];

const firstSeed = 2_000;

function fuzz({ file, original, planted, budget }: Fault): Promise<Said> {
  const plant = join(projectRoot, "test/support/planted.ts");
  const args = [
    "--import",
    plant,
    cliScript,
    "sim",
    "fuzz",
    "--seed",
    String(firstSeed),
    "--seeds",
    String(budget),
  ];
  const env = { ...process.env, WHITEPAY_PLANTED: JSON.stringify({ file, original, planted }) };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => done({ code, said }));
  });
}

describe("a fault planted in the core", () => {
  it.each(faults)("is of text that is there once: $name", ({ file, original }) => {
    expect(readFileSync(join(projectRoot, file), "utf8").split(original)).toHaveLength(2);
  });

  describe("is found by random scenarios", () => {
    it.each(faults)(
      "$name, within $budget seeds",
      async (fault) => {
        const { code, said } = await fuzz(fault);
        expect(said).toContain("does not hold:");
        expect(code).toBe(1);
      },
      300_000,
    );
  });
});
