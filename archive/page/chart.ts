/** The picture of copies over time: fewest, mean and most copies of the files, and where the fewest are too few. */
import { h, place, table } from "../../daemon/page/dom.ts";
import { counted, dateOf, whole } from "../../daemon/page/format.ts";
import type { CopiesAt, PointDocument, StandingDocument } from "./documents.ts";
import { copiesText } from "./words.ts";

const height = 240;
const margin = { top: 12, right: 16, bottom: 30, left: 34 };
const minWidth = 260;
const phoneWidth = 480;
const mostRows = 24;

/** The point that the user selected; undefined: the last one. */
let cursor: number | undefined;

type Scales = {
  readonly width: number;
  readonly end_s: number;
  readonly x: (time_s: number) => number;
  readonly y: (copies: number) => number;
};

function scalesOf({ points, head, least }: StandingDocument, width: number): Scales {
  const top = Math.max(least + 1, ...points.map(({ most }) => most));
  const begin_s = points[0]?.time_s ?? 0;
  const length_s = Math.max(1, head.time_s - begin_s);
  const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
  return {
    width,
    end_s: head.time_s,
    x: (time_s) => margin.left + (inner.width * (time_s - begin_s)) / length_s,
    y: (copies) => margin.top + inner.height * (1 - copies / top),
  };
}

type Value = (point: PointDocument) => number;

/** A step function: the value of a point holds until the next one. */
function steps(points: readonly PointDocument[], value: Value, { x, y, end_s }: Scales): string {
  const parts = points.map((point, i) => {
    const at = y(value(point)).toFixed(1);
    return i === 0 ? `M${x(point.time_s).toFixed(1)},${at}` : `H${x(point.time_s).toFixed(1)}V${at}`;
  });
  return `${parts.join("")}H${x(end_s).toFixed(1)}`;
}

/** From the steps down to zero. */
function area(points: readonly PointDocument[], value: Value, scales: Scales): string {
  const [first] = points;
  if (first === undefined) return "";
  const zero = scales.y(0).toFixed(1);
  return `${steps(points, value, scales)}V${zero}H${scales.x(first.time_s).toFixed(1)}Z`;
}

/** The steps of the fewest copies where they are too few. */
function lowSteps(points: readonly PointDocument[], least: number, { x, y, end_s }: Scales): string {
  return points
    .map(({ time_s, fewest }, i) => {
      if (fewest >= least) return "";
      const to = x(points[i + 1]?.time_s ?? end_s).toFixed(1);
      return `M${x(time_s).toFixed(1)},${y(fewest).toFixed(1)}H${to}`;
    })
    .join("");
}

/** Where the fewest copies are too few. */
function alarms(points: readonly PointDocument[], least: number, { x, y, end_s }: Scales): Element[] {
  const found: Element[] = [];
  let begin: number | undefined;
  for (const [i, { time_s, fewest }] of [...points, { time_s: end_s, fewest: Infinity }].entries()) {
    if (fewest < least) begin ??= time_s;
    else if (begin !== undefined) {
      const width = Math.max(1.5, x(time_s) - x(begin));
      const bar = { x: x(begin), width, y: margin.top, height: y(0) - margin.top };
      found.push(h("rect", { class: "too-few", ...bar, "data-key": `a${i}` }));
      begin = undefined;
    }
  }
  return found;
}

/** At most six lines. */
function axis(standing: StandingDocument, scales: Scales): Element[] {
  const { x, y, width, end_s } = scales;
  const top = Math.max(standing.least + 1, ...standing.points.map(({ most }) => most));
  const step = Math.ceil(top / 6);
  const rows = Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step).map((copies) =>
    h(
      "g",
      { "data-key": `y${copies}` },
      h("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: y(copies), y2: y(copies) }),
      h("text", { x: margin.left - 8, y: y(copies) + 4, "text-anchor": "end" }, whole(copies)),
    ),
  );
  const begin_s = standing.points[0]?.time_s ?? end_s;
  const middle_s = (begin_s + end_s) / 2;
  const times = width < phoneWidth ? [begin_s, end_s] : [begin_s, middle_s, end_s];
  const labels = times.map((time_s, i) =>
    h(
      "text",
      {
        x: x(time_s),
        y: height - 10,
        "text-anchor": i === 0 ? "start" : i === times.length - 1 ? "end" : "middle",
        "data-key": `x${i}`,
      },
      dateOf(time_s),
    ),
  );
  return [...rows, ...labels];
}

function pointText(
  { fewest, most, mean, below }: PointDocument,
  { least, pictured }: StandingDocument,
): string {
  const few = below === 0 ? "" : `; ${whole(below)} of ${counted(pictured, "file")} below ${whole(least)}`;
  return `fewest ${copiesText(fewest)}, mean ${mean.toFixed(1)}, most ${whole(most)}${few}`;
}

function legend(least: number): Element {
  const item = (kind: string, text: string): Element =>
    h("span", { "data-key": kind }, h("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), text);
  return h(
    "p",
    { class: "legend keys" },
    item("fewest", "fewest copies of a file"),
    item("mean", "mean of all files"),
    item("most", "most"),
    item("too-few", `a file below ${copiesText(least)}`),
  );
}

/** Every change of the fewest copies, newest first. */
function changes(standing: StandingDocument): Element {
  const { points } = standing;
  const changed = points.filter((point, i) => i === 0 || point.fewest !== points[i - 1]?.fewest).reverse();
  const rows = changed
    .slice(0, mostRows)
    .map((point) =>
      h(
        "tr",
        { "data-key": String(point.time_s) },
        h("th", { scope: "row" }, dateOf(point.time_s)),
        ...[whole(point.fewest), point.mean.toFixed(1), whole(point.most), whole(point.below)].map((text) =>
          h("td", {}, text),
        ),
      ),
    );
  return h(
    "details",
    { class: "as-table" },
    h("summary", {}, "As a table"),
    table("Changes of the fewest copies", ["from", "fewest", "mean", "most", "files below the alarm"], rows),
  );
}

export function showChart(standing: StandingDocument): void {
  const { points, least } = standing;
  if (points.length === 0) return place("copies", h("p", { class: "empty" }, "There is no file."));
  const width = Math.max(minWidth, document.getElementById("copies")?.clientWidth ?? 0);
  const scales = scalesOf(standing, width);
  const last = points.length - 1;
  const selected = Math.min(cursor ?? last, last);
  const point = points[selected] as PointDocument;
  const text = `${dateOf(point.time_s)}: ${pointText(point, standing)}`;
  const cursor_x = selected === last ? scales.x(scales.end_s) : scales.x(point.time_s);
  place(
    "copies",
    h(
      "div",
      {
        class: "chart copies",
        tabindex: 0,
        role: "slider",
        "aria-label": `Copies at ${counted(points.length, "point")} in time. The left and right arrow keys select a point, whose values are read out below.`,
        "aria-valuemin": 0,
        "aria-valuemax": last,
        "aria-valuenow": selected,
        "aria-valuetext": text,
      },
      h(
        "svg",
        { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
        ...alarms(points, least, scales),
        ...axis(standing, scales),
        h("path", { class: "area most", d: area(points, ({ most }) => most, scales), "data-key": "am" }),
        h("path", {
          class: "area fewest",
          d: area(points, ({ fewest }) => fewest, scales),
          "data-key": "af",
        }),
        h("path", { class: "line mean", d: steps(points, ({ mean }) => mean, scales), "data-key": "lm" }),
        h("path", {
          class: "line fewest",
          d: steps(points, ({ fewest }) => fewest, scales),
          "data-key": "lf",
        }),
        h("path", { class: "line low", d: lowSteps(points, least, scales), "data-key": "ll" }),
        h("line", {
          class: "cursor",
          x1: cursor_x,
          x2: cursor_x,
          y1: margin.top,
          y2: height - margin.bottom,
          "data-key": "c",
        }),
      ),
    ),
    h(
      "p",
      { class: "readout", "aria-live": cursor === undefined ? "off" : "polite" },
      h("strong", {}, dateOf(point.time_s)),
      h("span", {}, pointText(point, standing)),
    ),
    legend(least),
    changes(standing),
  );
}

/** Handles keys and pointer; `redraw` is called after each change. */
export function bindChart(points: () => number, redraw: () => void): void {
  const root = document.getElementById("copies");
  if (root === null) return;
  const move = (to: number): void => {
    const last = points() - 1;
    if (last < 0) return;
    cursor = to >= last ? undefined : Math.max(0, to);
    redraw();
  };
  root.addEventListener("keydown", (event) => {
    if (!(event.target instanceof Element) || !event.target.matches(".chart")) return;
    const last = points() - 1;
    const now = Math.min(cursor ?? last, last);
    const to: number | undefined = {
      ArrowLeft: now - 1,
      ArrowDown: now - 1,
      ArrowRight: now + 1,
      ArrowUp: now + 1,
      PageDown: now - 10,
      PageUp: now + 10,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  });
  root.addEventListener("pointermove", (event) => {
    const chart = event.target instanceof Element ? event.target.closest(".chart") : null;
    if (chart === null) return;
    const box = chart.getBoundingClientRect();
    const inner = Math.max(1, box.width - margin.left - margin.right);
    move(Math.floor(((event.clientX - box.left - margin.left) / inner) * points()));
  });
  new ResizeObserver(() => redraw()).observe(root);
}

const small = { width: 132, height: 26 };

/** The copies of one file as a small picture; its words are in the table beside it. */
export function smallPicture(
  series: readonly CopiesAt[],
  { points, head, least }: StandingDocument,
  isKept: boolean,
): Element {
  const begin_s = points[0]?.time_s ?? 0;
  const length_s = Math.max(1, head.time_s - begin_s);
  const top = Math.max(least + 1, ...points.map(({ most }) => most));
  const x = (time_s: number): number => Math.max(0, (small.width * (time_s - begin_s)) / length_s);
  const y = (copies: number): number => 1 + (small.height - 2) * (1 - copies / top);
  let path = "";
  const low: Element[] = [];
  for (const [i, { time_s, copies }] of series.entries()) {
    const at = y(copies).toFixed(1);
    path += i === 0 ? `M${x(time_s).toFixed(1)},${at}` : `H${x(time_s).toFixed(1)}V${at}`;
    const end_s = series[i + 1]?.time_s ?? head.time_s;
    if (isKept && copies < least && end_s > begin_s) {
      const from = x(time_s);
      const width = Math.max(1, x(end_s) - from);
      low.push(h("rect", { class: "too-few", x: from, width, y: 0, height: small.height }));
    }
  }
  const line = `${path}H${small.width}`;
  return h(
    "svg",
    { class: "small", viewBox: `0 0 ${small.width} ${small.height}`, ...small, "aria-hidden": "true" },
    ...low,
    h("path", { class: "area fewest", d: `${line}V${small.height}H0Z` }),
    h("path", { class: "line fewest", d: line }),
  );
}
