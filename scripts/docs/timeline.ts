/** Draws docs/timeline.svg: slots, interval, turns, and the window of one turn. Run: node scripts/docs/timeline.ts */
import { writeFile } from "node:fs/promises";
import { deliveryBlocks, fallbackBlock, phaseTimeout, turnWindow } from "../../protocol/turns.ts";

/** The parameters of the preset `devnet`, in blocks. */
const params = { interval: 40, turn: 30, slot: 10, confirmations: 1 };

const width_px = 980;
const labels_px = 276;
const right_px = 30;
const row_px = 34;
const bar_px = 20;

type Style = "a" | "b" | "late" | "open";
type Bar = { readonly from: number; readonly to: number; readonly style: Style; readonly text?: string };
type Row = {
  readonly name: string;
  readonly who: string;
  readonly bars: readonly Bar[];
  /** Blocks marked with a diamond. */
  readonly marks?: readonly number[];
};
type Panel = {
  readonly title: string;
  readonly blocks: number;
  readonly rows: readonly Row[];
  readonly ticks: readonly (readonly [block: number, text: string])[];
};

/** Slots, the interval, and the turns that may settle it (R6, R8). */
function intervalPanel(): Panel {
  const { interval, turn, slot } = params;
  const [first, second] = [turnWindow(0, params, 1), turnWindow(0, params, 2)];
  const slots = Array.from({ length: second.to / slot }, (_, k): Bar => {
    return { from: k * slot, to: (k + 1) * slot, style: k % 2 === 0 ? "a" : "b", text: `slot ${k}` };
  });
  return {
    title: `Interval and turns: interval h = ${interval}, turn t = ${turn}, slot c = ${slot} blocks`,
    blocks: second.to,
    rows: [
      { name: "slots", who: "each keeper asks each provider once a slot", bars: slots },
      {
        name: "interval",
        who: "the blocks that one settlement pays for",
        bars: [{ from: 0, to: interval, style: "a", text: "[ts, te(1)): paid by turn 1" }],
      },
      {
        name: "turn 1",
        who: "its leader settles [ts, te(1)) in this window",
        bars: [{ from: first.from, to: first.to, style: "b", text: "window of turn 1" }],
      },
      {
        name: "turn 2, only if turn 1 lapses",
        who: "the next leader settles [ts, te(2))",
        bars: [
          { from: interval, to: second.from, style: "late", text: "the interval grows" },
          { from: second.from, to: second.to, style: "b", text: "window of turn 2" },
        ],
      },
    ],
    ticks: [
      [0, "ts"],
      [first.te, "te(1) = ts + h"],
      [second.te, "te(2) = te(1) + t"],
      [second.to, "te(2) + t"],
    ],
  };
}

/** The phases of one turn (R17 to R25): when no keeper fails, and at the latest while up to f keepers are silent. */
function turnPanel(): Panel {
  const { turn, confirmations } = params;
  const wait = phaseTimeout(turn);
  const auditLead = Math.max(3, deliveryBlocks(turn) + 1);
  const announced = confirmations;
  const audit = { early: announced + auditLead, late: announced + wait + auditLead };
  const revealed = audit.early + confirmations;
  const decided = audit.late + confirmations + wait;
  const others = fallbackBlock(0, turn);
  const phase = (from: number, to: number): readonly Bar[] => [
    { from, to: from + 1, style: "a" },
    { from: from + 1, to, style: "late" },
  ];
  return {
    title: `The window of one turn: t = ${turn}, confirmations = ${confirmations}, in blocks`,
    blocks: turn,
    rows: [
      { name: "announce", who: "leader: the scope of the round", bars: phase(announced, announced + 1) },
      { name: "commit", who: "every keeper: a hash of its values", bars: phase(announced, announced + wait) },
      {
        name: "close",
        who: "leader: the set of commits, audit block B ◆",
        bars: phase(announced, announced + wait + 1),
        marks: [audit.early, audit.late],
      },
      {
        name: "reveal",
        who: "keepers of the set: values, audited proofs",
        bars: phase(revealed, decided),
      },
      {
        name: "decide, sign",
        who: "leader: bundle, proposal; keepers sign",
        bars: phase(revealed, decided + 1),
      },
      { name: "submit", who: "leader: the certificate", bars: phase(revealed + 1, others) },
      {
        name: "submit in its place",
        who: "others, one block apart, in turn order",
        bars: [{ from: others, to: turn, style: "open" }],
      },
    ],
    ticks: [
      [0, "te"],
      [others, "te + ⌈2t/3⌉"],
      [turn, "te + t: the turn lapses"],
    ],
  };
}

const text = (x: number, y: number, content: string, attributes = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${content}</text>`;

function drawRow(row: Row, y: number, at: (block: number) => number): string[] {
  const middle = y + row_px / 2;
  const bars = row.bars.flatMap(({ from, to, style, text: label }) => [
    `<rect class="${style}" x="${at(from).toFixed(1)}" y="${(middle - bar_px / 2).toFixed(1)}" width="${(at(to) - at(from)).toFixed(1)}" height="${bar_px}" rx="3"/>`,
    ...(label === undefined
      ? []
      : [text((at(from) + at(to)) / 2, middle + 4, label, 'class="in" text-anchor="middle"')]),
  ]);
  const marks = (row.marks ?? []).map((block) => {
    const x = at(block);
    return `<path class="mark" d="M${x - 7} ${middle}l7 -7l7 7l-7 7z"/>`;
  });
  return [
    text(16, middle - 3, row.name, 'class="name"'),
    text(16, middle + 12, row.who, 'class="who"'),
    ...bars,
    ...marks,
  ];
}

function drawPanel(
  panel: Panel,
  top: number,
): { readonly lines: readonly string[]; readonly bottom: number } {
  const { title, rows, ticks, blocks } = panel;
  const at = (block: number): number => labels_px + (block / blocks) * (width_px - labels_px - right_px);
  const first = top + 34;
  const bottom = first + rows.length * row_px;
  const lines = [text(16, top + 20, title, 'class="title"')];
  for (const [block, label] of ticks) {
    const anchor = block === blocks ? "end" : block === 0 ? "start" : "middle";
    lines.push(
      `<path class="tick" d="M${at(block).toFixed(1)} ${first}V${bottom + 6}"/>`,
      text(at(block), bottom + 20, label, `class="who" text-anchor="${anchor}"`),
    );
  }
  rows.forEach((row, i) => lines.push(...drawRow(row, first + i * row_px, at)));
  return { lines, bottom: bottom + 32 };
}

const style = `
  svg { --paper: #ffffff; --ink: #1b2430; --soft: #566273; --a: #9cc4f2; --b: #bfe3c6; --late: #e9edf2; --line: #a9b4c2; --mark: #b3441e }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0f1620; --ink: #e8edf3; --soft: #a3afbf; --a: #2b5f99; --b: #2c6a43; --late: #263241; --line: #4b5a6d; --mark: #ff9a6b }
  }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink) }
  .title { font-weight: 600; font-size: 15px } .name { font-weight: 600 } .who, .in { font-size: 11.5px } .who { fill: var(--soft) }
  .paper { fill: var(--paper) } .a { fill: var(--a) } .b { fill: var(--b) } .late { fill: var(--late); stroke: var(--line); stroke-dasharray: 3 3 }
  .open { fill: none; stroke: var(--line) } .tick { stroke: var(--line); fill: none } .mark { fill: var(--mark) }`;

export function timelineSvg(): string {
  const upper = drawPanel(intervalPanel(), 4);
  const lower = drawPanel(turnPanel(), upper.bottom + 8);
  const height = lower.bottom + 28;
  const key = [
    `<rect class="a" x="${labels_px}" y="${lower.bottom + 2}" width="22" height="14" rx="3"/>`,
    text(labels_px + 30, lower.bottom + 13, "no keeper fails", 'class="who"'),
    `<rect class="late" x="${labels_px + 140}" y="${lower.bottom + 2}" width="22" height="14" rx="3"/>`,
    text(
      labels_px + 170,
      lower.bottom + 13,
      "at the latest, while up to f keepers are silent",
      'class="who"',
    ),
  ];
  const title = "Slots, interval, turns, and the window of one turn";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width_px} ${height}" width="${width_px}" height="${height}" role="img" aria-label="${title}">`,
    `<title>${title}</title>`,
    `<style>${style}\n</style>`,
    `<rect class="paper" width="${width_px}" height="${height}" rx="8"/>`,
    ...upper.lines,
    ...lower.lines,
    ...key,
    "</svg>\n",
  ].join("\n");
}

if (import.meta.main) {
  await writeFile(new URL("../../docs/timeline.svg", import.meta.url), timelineSvg());
}
