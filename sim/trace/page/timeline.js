// Draws the page of one simulated run from the data of run.js; the page loads nothing else.
import {
  bars,
  data,
  end_ms,
  events,
  grouped,
  heads,
  indexAt,
  kindOf,
  labelOf,
  lowest,
  minedAt,
  ofKind,
  start_ms,
  thinned,
  timesOf,
  turns,
  turnsFrom,
} from "./run.js";

const chart = document.getElementById("chart");
const list = document.getElementById("list");
const places = document.getElementById("places");
const kinds = document.getElementById("kinds");
const summary = document.getElementById("view");

const laneHeight = 34;
const axisHeight = 46;
const labelWidth = 34;
/** Of more marks than this some are left out, and of more rows the later ones. */
const maxMarks = 4000;
const maxRows = 300;
const minSpan_ms = 200;

const lanes = [
  ...Array.from({ length: data.keepers }, (_, i) => ({ id: i, label: `K${i}` })),
  { id: "world", label: "net" },
  { id: "provider", label: "prov" },
  { id: "pay", label: "pay" },
];
const height = axisHeight + lanes.length * laneHeight + 6;
const yOf = (id) => axisHeight + (lanes.findIndex((lane) => lane.id === id) + 0.5) * laneHeight;

const view = { from: start_ms, to: end_ms, width: 600, chosen: undefined };
const hidden = new Set(["hello", "asked"]);
function shown() {
  return events
    .slice(indexAt(view.from), indexAt(view.to + 1))
    .filter((event) => event.kind !== "head" && !hidden.has(kindOf(event)));
}

/** Whether a text of the chart's size has room in so many pixels. */
const letterWidth = 6.4;
function fits(text, width) {
  return text.length * letterWidth + 6 <= width;
}

function xOf(time_ms) {
  const share = (time_ms - view.from) / (view.to - view.from);
  return labelWidth + share * (view.width - labelWidth - 8);
}

function draw(parent, name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

/** What a mark means, for a pointer that rests on it and for whoever has it read out. */
function explained(element, event) {
  draw(element, "title", {}, `block ${event.block}: ${event.words}`);
  if (event === view.chosen) element.classList.add("chosen");
  element.addEventListener("click", () => choose(event, false));
}

function drawAxis() {
  const inside = heads.slice(lowest(view.from), lowest(view.to));
  const longest = String(heads.at(-1)?.block ?? 0).length * letterWidth + 14;
  const room = Math.max(1, Math.floor((view.width - labelWidth) / longest));
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20000, 100000].find(
    (s) => inside.length / s <= room,
  );
  for (const { block, at_ms } of inside) {
    if (block % step !== 0) continue;
    draw(chart, "line", { class: "tick", x1: xOf(at_ms), x2: xOf(at_ms), y1: 14, y2: height });
    if (fits(String(block), view.width - xOf(at_ms)))
      draw(chart, "text", { x: xOf(at_ms) + 2, y: 11 }, block);
  }
}

function clip(from, to) {
  const left = Math.max(xOf(from), labelWidth);
  return { left, width: Math.max(3, Math.min(xOf(to), view.width) - left) };
}

function drawTurns() {
  for (const { event, to } of turns) {
    if (to < view.from || event.at_ms > view.to) continue;
    const { left, width } = clip(event.at_ms, to);
    const even = event.turn % 2 === 0 ? "turn even" : "turn";
    const band = draw(chart, "rect", { class: even, x: left, y: 18, width, height: height - 18 });
    explained(band, event);
    const label = [`turn ${event.turn}, K${event.leader}`, `K${event.leader}`].find((text) =>
      fits(text, width),
    );
    if (label !== undefined) draw(chart, "text", { x: left + 3, y: 31 }, label);
    const y = yOf(event.leader);
    draw(chart, "line", { class: "leads", x1: left, x2: left + width, y1: y, y2: y });
  }
}

function drawLanes() {
  for (const { id, label } of lanes) {
    const y = yOf(id);
    draw(chart, "line", { class: "lane", x1: labelWidth, x2: view.width, y1: y, y2: y });
    draw(chart, "text", { class: "name", x: 3, y: y + 4 }, label);
  }
}

function drawFaults() {
  for (const { event, to, lanes: at, row } of bars) {
    if (hidden.has("fault") || to < view.from || event.at_ms > view.to) continue;
    const { left, width } = clip(event.at_ms, to);
    for (const lane of at) {
      const y = yOf(lane) - 14 + row * 9;
      const bar = draw(chart, "rect", { class: "fault", x: left, y, width, height: 8, rx: 2 });
      explained(bar, event);
      const name = event.fault.behaviour ?? event.fault.kind;
      if (fits(name, width)) draw(chart, "text", { x: left + 3, y: y + 8 }, name);
    }
  }
}

/** Pixels between marks of one lane that close up. */
const markWidth = 9;
const spread = new Map();
const laneOf = (event) =>
  event.keeper ?? (event.kind === "settled" || event.kind === "taken-back" ? "pay" : "world");

/** Close up, what happens in one block stands side by side, as far as the block is wide. */
function spreadOut(drawn) {
  spread.clear();
  const last = new Map();
  for (const event of drawn) {
    const lane = laneOf(event);
    const x = xOf(event.at_ms);
    const next = (last.get(lane) ?? Number.NEGATIVE_INFINITY) + markWidth;
    const end = xOf(heads[lowest(event.at_ms + 1)]?.at_ms ?? end_ms);
    const place = next > x && next <= Math.max(x, end - markWidth / 2) ? next : x;
    spread.set(event, place);
    last.set(lane, place);
  }
}

const placeOf = (event) => spread.get(event) ?? xOf(event.at_ms);

/** Signatures of the settlement to come are diamonds: what a settlement on the chain is, a box says. */
function saidShape(event, x, y, style) {
  return event.message === "partial"
    ? draw(chart, "path", { class: "said", d: `M${x} ${y - 5} l5 5 l-5 5 l-5 -5 z`, style })
    : draw(chart, "circle", { class: "said", cx: x, cy: y, r: 4, style });
}

function drawSaid(event, wide) {
  const [x, y] = [placeOf(event), yOf(event.keeper)];
  const colour = `stroke: var(--${event.message}); fill: var(--${event.message})`;
  if (wide) {
    for (let k = 0; k < data.keepers; k++) {
      if (k === event.keeper) continue;
      const arrival = event.arrivals.find(({ keeper }) => keeper === k);
      const there = arrival ?? { at_ms: event.at_ms };
      // A lost copy ends halfway.
      const y2 = arrival === undefined ? (y + yOf(k)) / 2 : yOf(k);
      const line = {
        class: arrival === undefined ? "way lost" : "way",
        x1: x,
        y1: y,
        x2: xOf(there.at_ms),
        y2,
      };
      draw(chart, "line", { ...line, style: colour });
    }
  }
  explained(saidShape(event, x, y, colour), event);
}

/** A settlement: the payment, and on the lane of the providers that they were credited. */
function drawPaid(event, x) {
  const y = yOf("pay");
  const paid = event.kind === "settled";
  const shape = { class: paid ? "paid" : "back", x: x - 5, y: y - 7, width: 10, height: 14, rx: 2 };
  explained(draw(chart, "rect", shape), event);
  if (!paid || !event.paid.some(({ to }) => to === "provider")) return;
  const there = yOf("provider");
  draw(chart, "line", { class: "credit", x1: x, x2: x, y1: there + 5, y2: y - 7 });
  explained(draw(chart, "circle", { class: "credited", cx: x, cy: there, r: 4 }), event);
}

function drawMark(event, wide) {
  const x = placeOf(event);
  if (event.kind === "said") return drawSaid(event, wide);
  if (event.kind === "asked") {
    const from = xOf(Math.max(view.from, event.start_ms));
    const path = `M${from} ${yOf(event.keeper)} L${(from + x) / 2} ${yOf(event.of)} L${x} ${yOf(event.keeper)}`;
    explained(draw(chart, "path", { class: "asked", d: path }), event);
  } else if (event.kind === "noted") {
    const y = yOf(event.keeper) + 5;
    explained(draw(chart, "path", { class: "note", d: `M${x} ${y} l4 8 h-8 z` }), event);
  } else if (event.kind === "settled" || event.kind === "taken-back") {
    drawPaid(event, x);
  } else if (event.kind === "violation") {
    draw(chart, "line", { class: "violation", x1: x, x2: x, y1: 16, y2: height });
    explained(draw(chart, "path", { class: "violation", d: `M${x - 6} 34 h12 l-6 10 z` }), event);
  }
}

function drawChosen() {
  if (view.chosen === undefined) return;
  const x = placeOf(view.chosen);
  draw(chart, "line", { class: "chosen", x1: x, x2: x, y1: 16, y2: height });
}

function rowOf(group) {
  const chosen = group.includes(view.chosen) ? view.chosen : undefined;
  const event = chosen ?? group[0];
  const last = group[group.length - 1];
  const row = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  const at = document.createElement("span");
  at.className = "at";
  at.textContent = group[0].block === last.block ? `block ${last.block}` : `${group[0].block}–${last.block}`;
  const what = document.createElement("span");
  what.className = event.kind === "violation" ? "what bad" : "what";
  what.textContent = event.words;
  button.append(at, what);
  if (group.length > 1) {
    const times = document.createElement("span");
    times.className = "times";
    times.textContent = timesOf(group, event);
    button.append(times);
  }
  if (chosen !== undefined) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => choose(event, true));
  row.append(button);
  return row;
}

function drawAll() {
  const marks = shown();
  const { drawn, every } = thinned(marks, maxMarks);
  const blocks = lowest(view.to) - lowest(view.from);
  chart.replaceChildren();
  chart.setAttribute("viewBox", `0 0 ${view.width} ${height}`);
  chart.setAttribute("height", String(height));
  drawTurns();
  drawAxis();
  drawLanes();
  drawFaults();
  const wide = blocks <= 60 && drawn.length * data.keepers <= maxMarks;
  if (wide) spreadOut(drawn);
  else spread.clear();
  for (const event of drawn) drawMark(event, wide);
  drawChosen();
  const first = heads[Math.min(lowest(view.from), heads.length - 1)]?.block ?? 0;
  const last = heads[Math.max(0, lowest(view.to) - 1)]?.block ?? 0;
  const rows = grouped(marks);
  const more =
    rows.length > maxRows ? `; the first ${maxRows} rows are listed, look closer for the others` : "";
  const some = every > 1 ? `; of messages and notes one in ${every} is drawn` : "";
  summary.textContent = `Blocks ${first} to ${last}: ${marks.length} event${marks.length === 1 ? "" : "s"}${more}${some}.`;
  list.replaceChildren(...rows.slice(0, maxRows).map(rowOf));
}

function look(from, to) {
  const span = Math.min(Math.max(to - from, minSpan_ms), end_ms - start_ms + 1);
  view.from = Math.max(start_ms, Math.min((from + to - span) / 2, end_ms + 1 - span));
  view.to = view.from + span;
  drawAll();
}

/** Chosen in the list, the view follows; chosen in the chart, the row is brought up. */
function choose(event, follow) {
  view.chosen = event;
  const span = view.to - view.from;
  if (follow && (event.at_ms < view.from + span * 0.1 || event.at_ms > view.to - span * 0.1)) {
    look(event.at_ms - span / 2, event.at_ms + span / 2);
  } else drawAll();
  const row = list.querySelector('[aria-current="true"]');
  row?.focus({ preventScroll: follow });
}

function move(share) {
  const by = (view.to - view.from) * share;
  look(view.from + by, view.to + by);
}

function zoom(factor) {
  const middle = view.chosen?.at_ms ?? (view.from + view.to) / 2;
  const inside = middle >= view.from && middle <= view.to ? middle : (view.from + view.to) / 2;
  const half = ((view.to - view.from) * factor) / 2;
  look(inside - half, inside + half);
}

const whole = () => look(start_ms, end_ms);
const actions = {
  ArrowLeft: () => move(-0.2),
  ArrowRight: () => move(0.2),
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  0: whole,
  Home: () => look(start_ms, start_ms + view.to - view.from),
  End: () => look(end_ms - (view.to - view.from), end_ms),
};

chart.addEventListener("keydown", (event) => {
  const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : actions[event.key];
  if (action === undefined) return;
  event.preventDefault();
  action();
});
for (const button of document.querySelectorAll("[data-key]")) {
  button.addEventListener("click", () => actions[button.dataset.key]());
}
list.addEventListener("keydown", (event) => {
  const row = document.activeElement?.closest("li");
  const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling }[event.key];
  if (!next) return;
  event.preventDefault();
  next.querySelector("button").focus();
});

let drag;
chart.addEventListener("pointerdown", (event) => {
  drag = { x: event.clientX, from: view.from, to: view.to };
});
window.addEventListener("pointermove", (event) => {
  if (drag === undefined || Math.abs(event.clientX - drag.x) < 4) return;
  const by = ((drag.x - event.clientX) / view.width) * (drag.to - drag.from);
  look(drag.from + by, drag.to + by);
});
for (const over of ["pointerup", "pointercancel"]) window.addEventListener(over, () => (drag = undefined));

/** Parts of the run that one wants to see: intervals, the rounds that settled them, violations. */
function offerPlaces() {
  const timeOf = (block) => minedAt.get(block) ?? start_ms;
  const offer = (label, from, to) => {
    const option = new Option(label, `${from} ${to}`);
    places.append(option);
  };
  offer("the whole run", start_ms, end_ms);
  ofKind("settled").forEach((event, i) => {
    const opened = turnsFrom.get(event.ts)?.[0].event.at_ms ?? timeOf(event.te);
    offer(`interval ${i + 1}, blocks ${event.ts} to ${event.te}`, timeOf(event.ts), event.at_ms + 3000);
    offer(`interval ${i + 1}: how it was settled`, opened - 1000, event.at_ms + 2500);
  });
  ofKind("violation").forEach((event) =>
    offer(`violation of ${event.checker}, block ${event.block}`, event.at_ms - 15000, event.at_ms + 5000),
  );
  places.addEventListener("change", () => look(...places.value.split(" ").map(Number)));
}

/** One box for each kind of event that there is. */
function offerKinds() {
  const found = [...new Set(events.map(kindOf))].filter((kind) => labelOf(kind) !== "");
  for (const kind of found) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = !hidden.has(kind);
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(kind);
      else hidden.add(kind);
      drawAll();
    });
    const mark = document.createElement("span");
    mark.className = "mark";
    mark.style.background = `var(--${{ settled: "good", violation: "bad", noted: "soft", asked: "soft", "taken-back": "bad" }[kind] ?? kind})`;
    label.append(box, mark, labelOf(kind));
    kinds.append(label);
  }
}

offerPlaces();
offerKinds();
// Drawing sets the height, which is no reason to draw again.
new ResizeObserver(([entry]) => {
  const width = Math.max(280, Math.round(entry.contentRect.width));
  if (width === view.width && chart.childElementCount > 0) return;
  view.width = width;
  requestAnimationFrame(drawAll);
}).observe(chart);
