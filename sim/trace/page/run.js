// What happened in the run, from the data element of its page: times, bars of faults and turns, and what belongs together.
export const data = JSON.parse(document.getElementById("data").textContent);
export const events = [...data.events].sort((a, b) => a.at_ms - b.at_ms);
export const heads = events.filter((event) => event.kind === "head");
export const start_ms = events.length > 0 ? events[0].at_ms : 0;
export const end_ms = Math.max(events.length > 0 ? events[events.length - 1].at_ms : 1, start_ms + 1);
export const kindOf = (event) => (event.kind === "said" ? event.message : event.kind);

/** Names of kinds in the list of boxes; a kind with an empty name has no box. */
const labels = {
  noted: "notes of keepers",
  asked: "questions",
  partial: "signatures (partial)",
  settled: "settlements (paid)",
  fault: "faults",
  "fault-over": "",
  head: "",
  turn: "",
};
export const labelOf = (kind) => labels[kind] ?? kind;

export const ofKind = (kind) => events.filter((event) => event.kind === kind);
const overs = new Map(ofKind("fault-over").map((event) => [event.id, event]));
/** Settlements of an interval by its start; a reorg may make more than one. */
const settledFrom = Map.groupBy(ofKind("settled"), ({ ts }) => ts);
export const minedAt = new Map(heads.toReversed().map(({ block, at_ms }) => [block, at_ms]));

// Faults are bars from the event that began them to the one that ended them.
export const bars = ofKind("fault").map((event) => {
  const over = overs.get(event.id);
  const lane = "provider" in event.fault ? ["provider"] : ["world"];
  return {
    event,
    to: over === undefined ? end_ms : over.at_ms,
    lanes: event.keepers.length > 0 ? event.keepers : lane,
  };
});
for (const bar of bars) {
  const beside = bars.filter((other) => other.row !== undefined && other.to >= bar.event.at_ms);
  const near = beside.filter((other) => other.lanes.some((lane) => bar.lanes.includes(lane)));
  bar.row = [0, 1, 2].find((row) => near.every((other) => other.row !== row)) ?? 2;
}
export const turns = ofKind("turn").map((event, i, all) => {
  const settled = settledFrom.get(event.ts)?.find((one) => one.at_ms >= event.at_ms);
  return { event, to: Math.min(settled?.at_ms ?? end_ms, all[i + 1]?.at_ms ?? end_ms) };
});
export const turnsFrom = Map.groupBy(turns, ({ event }) => event.ts);

/** First event at or after a time. */
export function indexAt(time_ms) {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (events[middle].at_ms < time_ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index among the heads of the first one at or after a time. */
export function lowest(time_ms) {
  const index = heads.findIndex((event) => event.at_ms >= time_ms);
  return index < 0 ? heads.length : index;
}

const withoutKeeper = ({ words }) => words.replace(/^keeper \d+/, "keeper");

/** The same words again, or in one block the same of another keeper. */
function repeats(event, before) {
  if (event.words === before.words) return true;
  return event.block === before.block && withoutKeeper(event) === withoutKeeper(before);
}

/** What happened several times in a row is one row. */
export function grouped(marks) {
  const groups = [];
  for (const event of marks) {
    const last = groups.at(-1);
    if (last !== undefined && repeats(event, last[0])) last.push(event);
    else groups.push([event]);
  }
  return groups;
}

/** "3 times", or which other keepers did the same. */
export function timesOf(group, told) {
  const others = group.filter(({ words }) => words !== told.words);
  if (others.length === 0) return `${group.length} times`;
  return `also ${[...new Set(others.map(({ keeper }) => `K${keeper}`))].join(", ")}`;
}

/** Everything that is rare, and of what keepers say and note no more than can be drawn. */
export function thinned(marks, most) {
  const often = (event) => ["said", "asked", "noted"].includes(event.kind);
  const every = Math.ceil(marks.filter(often).length / most);
  let count = 0;
  return { drawn: marks.filter((event) => !often(event) || count++ % every === 0), every };
}
