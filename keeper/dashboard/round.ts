/** The cards of the current round and of the turn order. */
import type { CommitteeStatus, KeeperStatus, RoundStatus } from "../api/schemas.ts";
import { h, place, sign, spoken, table } from "../../daemon/page/dom.ts";
import { blocks, counted, shortHex, span, whole } from "../../daemon/page/format.ts";

const phases: readonly (readonly [name: string, meaning: string])[] = [
  ["challenge", "keepers challenge providers"],
  ["announce", "the leader announces the round"],
  ["commit", "keepers commit to hidden values"],
  ["reveal", "values are revealed and audited"],
  ["decide", "the median is computed"],
  ["sign", "a quorum signs"],
  ["submit", "the leader sends the certificate"],
  ["settle", "the groups' contracts pay"],
];

function stepper(phase: string): Element {
  const now = phases.findIndex(([name]) => name === phase);
  return h(
    "ol",
    { class: "phases" },
    ...phases.map(([name, meaning], i) => {
      const state = i < now ? "done" : i === now ? "now" : "next";
      const words = { done: "done: ", now: "current: ", next: "later: " } as const;
      return h(
        "li",
        { class: state, "data-key": name, "aria-current": i === now && "step" },
        h("span", { class: "dot", "aria-hidden": "true" }, i < now ? "✓" : String(i + 1)),
        h("span", { class: "name" }, spoken(words[state]), name),
        h("span", { class: "meaning" }, meaning),
      );
    }),
  );
}

const minWidth = 260;
const barHeight = 52;

/** A bar of the interval and its turns, with a mark at the current block. */
function timeline(committee: CommitteeStatus): Element {
  const { ts, view, params } = committee;
  const width = Math.max(minWidth, document.getElementById("round")?.clientWidth ?? 0);
  const due = ts + params.interval;
  const shown = Math.max(committee.turn, 1) + 1;
  const end = due + shown * params.turn;
  const x = (block: number): number => ((width - 2) * (Math.min(block, end) - ts)) / (end - ts) + 1;
  const bar = (name: string, from: number, to: number): Element =>
    h("rect", { class: name, x: x(from), y: 10, width: Math.max(0, x(to) - x(from) - 3), height: 16, rx: 4 });
  const label = (block: number, anchor: string, text: string): Element =>
    h("text", { x: x(block), y: 44, "text-anchor": anchor }, text);
  const turns = Array.from({ length: shown }, (_, i) => {
    const from = due + i * params.turn;
    const state = i + 1 === committee.turn ? "now" : i + 1 < committee.turn ? "lost" : "later";
    return bar(`turn ${state}`, from, from + params.turn);
  });
  const words =
    committee.turn === 0
      ? `Block ${whole(view)} of the interval from ${whole(ts)} to ${whole(due)}; turn 1 begins in ${counted(due - view, "block")}.`
      : `Turn ${committee.turn} since block ${whole(due + (committee.turn - 1) * params.turn)}; the interval from ${whole(ts)} is open.`;
  return h(
    "figure",
    { class: "timeline" },
    h(
      "svg",
      { viewBox: `0 0 ${width} ${barHeight}`, width, height: barHeight, "aria-hidden": "true" },
      bar("interval", ts, due),
      bar("past", ts, Math.min(view, due)),
      ...turns,
      h("rect", { class: "mark", x: Math.min(width - 4, x(view) - 1.5), y: 4, width: 3, height: 28, rx: 1 }),
      label(ts, "start", whole(ts)),
      label(due, "middle", `turn 1: ${whole(due)}`),
      label(end, "end", whole(end)),
    ),
    h("figcaption", {}, words),
  );
}

type Revealed = RoundStatus["members"][number]["revealed"];

const revealed: Readonly<Record<Revealed, readonly [symbol: string, words: string, kind: string]>> = {
  no: ["·", "not revealed", "none"],
  waiting: ["…", "revealed, being checked", "wait"],
  counted: ["✓", "revealed and counted", "good"],
  rejected: ["✕", "revealed, rejected", "bad"],
};

function revealSign(state: Revealed): Element {
  const [symbol, words, kind] = revealed[state];
  return sign(symbol, words, kind);
}

function matrix(committee: CommitteeStatus, round: RoundStatus): Element {
  const yes = (is: boolean, what: string): Element =>
    is ? sign("✓", what, "good") : sign("·", `not ${what}`, "none");
  const rows = round.members.map((member) => {
    const { index, committed, signed } = member;
    const isMe = committee.members[index]?.me === true;
    const role = index === round.leader ? h("span", { class: "tag" }, "leads") : undefined;
    const me = isMe ? h("span", { class: "tag me" }, "this one") : undefined;
    return h(
      "tr",
      { "data-key": `keeper-${index}` },
      h("th", { scope: "row" }, `keeper ${index}`, role, me),
      h("td", {}, yes(committed, "committed")),
      h("td", {}, revealSign(member.revealed)),
      h("td", {}, yes(signed, "signed")),
    );
  });
  const announced =
    round.announcedBlock === null
      ? "nothing announced yet"
      : `announced in block ${whole(round.announcedBlock)}`;
  const caption = `Turn ${round.turn}, ${announced}: received by this keeper`;
  return table(caption, ["", "commit", "reveal", "sign"], rows, { class: "matrix" });
}

export function showRound(committee: CommitteeStatus): void {
  const { phase, round } = committee;
  place(
    "round",
    timeline(committee),
    stepper(phase),
    round === null
      ? h("p", { class: "empty" }, "The first turn of the interval has not begun.")
      : matrix(committee, round),
  );
}

export function showTurns({ block_s, chainStopped }: KeeperStatus, committee: CommitteeStatus): void {
  const items = committee.next.map(({ turn, keeper, operator, fromBlock, toBlock, inBlocks, inSeconds }) => {
    const when =
      inBlocks === 0
        ? "now"
        : inSeconds === null || chainStopped
          ? `in ${blocks(inBlocks, chainStopped ? null : block_s)}`
          : `in ${span(inSeconds)}`;
    const mine = keeper === committee.seat && h("span", { class: "tag me" }, "this one");
    return h(
      "li",
      { "data-key": `turn-${turn}`, class: inBlocks === 0 ? "now" : undefined },
      h("span", { class: "who" }, `keeper ${keeper}`, mine),
      h("span", { class: "when" }, when),
      h("span", { class: "dim mono", title: operator }, shortHex(operator)),
      h("span", { class: "dim" }, `turn ${turn}, blocks ${whole(fromBlock)}–${whole(toBlock - 1)}`),
    );
  });
  const lost = committee.failed.map((index) => `keeper ${index}`).join(", ");
  place(
    "turns",
    h("ol", { class: "turns" }, ...items),
    lost !== "" && h("p", { class: "note warn" }, `Missed their turn and get no share: ${lost}.`),
  );
}
