/** The chart of bytes proven over time, one line for each provider. */
import type { CommitteeStatus, KeeperStatus, SpaceDocument } from "../api/schemas.ts";
import { h, place, spoken, table } from "../../daemon/page/dom.ts";
import { bytes, counted, dateOfBlock, span, whole } from "../../daemon/page/format.ts";

const height = 260;
const margin = { top: 12, right: 16, bottom: 44, left: 64 };
/** The most lines that a reader can distinguish. */
const maxLines = 8;
const minWidth = 280;
/** Below this width the axis shows fewer labels. */
const phoneWidth = 480;

/** The user's selection; kept over updates. */
const hidden = new Set<number>();
let cursor: number | undefined;

type Scales = {
  readonly width: number;
  /** Largest value drawn. */
  readonly top: number;
  readonly x: (point: number) => number;
  readonly y: (value: number) => number;
};

/** A round number of bytes in binary units at or above `value`. */
function roundUp(value: number): number {
  let unit = 1;
  while (unit * 1024 <= value) unit *= 1024;
  for (const step of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
    if (unit * step >= value) return unit * step;
  return value;
}

function scalesOf(space: SpaceDocument, shown: readonly Line[], width: number): Scales {
  const largest = Math.max(1, ...shown.flatMap((line) => [...line.bytes, ...line.committed].map(Number)));
  const power = roundUp(largest);
  // Three quarters of a power of two is a round number too, and leaves less of the chart empty.
  const top = largest <= power * 0.75 ? power * 0.75 : power;
  const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
  const last = Math.max(1, space.slots.length - 1);
  return {
    width,
    top,
    x: (point) => margin.left + (inner.width * point) / last,
    y: (value) => margin.top + inner.height * (1 - value / top),
  };
}

/** A slot's sample of 16 leaves varies in steps of a sixteenth, so the chart shows the mean of this many slots. */
const slotsOfMean = 4;

type Line = SpaceDocument["providers"][number];
type Values = readonly (number | null)[];

/** At each point the mean of the last slots with a record; null at a point without a record. */
function meansOf(values: readonly (string | null)[], slotsPerPoint: number): Values {
  const back = Math.max(1, Math.ceil(slotsOfMean / slotsPerPoint));
  return values.map((value, i) => {
    if (value === null) return null;
    const last = values.slice(Math.max(0, i - back + 1), i + 1).filter((one) => one !== null);
    return last.reduce((sum, one) => sum + Number(one), 0) / last.length;
  });
}

/** A step function: the value of a point holds for its slots. A point without a value is a gap. */
function linePath(values: Values, { x, y }: Scales): string {
  let path = "";
  let before: number | null = null;
  for (const [i, value] of values.entries()) {
    if (value !== null) {
      const at = `${x(i).toFixed(1)},${y(value).toFixed(1)}`;
      path += before === null ? `M${at}` : `H${x(i).toFixed(1)}V${y(value).toFixed(1)}`;
    }
    before = value;
  }
  // A single point is drawn as a dot: a very short line with round ends.
  return path.includes("H") ? path : `${path}h0.1`;
}

/** When the last slot of a point ended. Age and date are undefined until it has ended, or while the pace of blocks is unknown. */
type PointTime = { readonly slots: string; readonly age?: string; readonly date?: string | undefined };

function timeOf(
  space: SpaceDocument,
  point: number,
  status: KeeperStatus,
  committee: CommitteeStatus,
): PointTime {
  const { slotsPerPoint } = space;
  const first = space.slots[point] ?? 0;
  const { originBlock, slot: length } = committee.params;
  const end = originBlock + (first + slotsPerPoint) * length;
  const behind = committee.view - end;
  const slots =
    slotsPerPoint === 1
      ? `slot ${whole(first)}`
      : `slots ${whole(first)}–${whole(first + slotsPerPoint - 1)}`;
  if (status.block_s === null || behind < 0) return { slots };
  const age = `${span(behind * status.block_s + status.headAge_s)} ago`;
  return { slots, age, date: dateOfBlock(end, status) };
}

function timeText(time: PointTime): string {
  return [time.slots, time.age, time.date].filter((part) => part !== undefined).join(", ");
}

function axes(
  space: SpaceDocument,
  scales: Scales,
  status: KeeperStatus,
  committee: CommitteeStatus,
): Element[] {
  const { x, y, top, width } = scales;
  const rows = [0, 0.25, 0.5, 0.75, 1].map((share) =>
    h(
      "g",
      { "data-key": `y${share}` },
      h("line", {
        class: "grid",
        x1: margin.left,
        x2: width - margin.right,
        y1: y(top * share),
        y2: y(top * share),
      }),
      h("text", { x: margin.left - 8, y: y(top * share) + 4, "text-anchor": "end" }, bytes(top * share)),
    ),
  );
  const last = space.slots.length - 1;
  const points = width < phoneWidth || last < 3 ? [0, last] : [0, Math.round(last / 2), last];
  const columns = [...new Set(points)].flatMap((point) => {
    const anchor = point === 0 ? "start" : point === last ? "end" : "middle";
    const { slots, age, date } = timeOf(space, point, status, committee);
    const above = age === undefined || width < phoneWidth ? slots : `${slots}, ${age}`;
    const label = (name: string, up: number, text: string): Element =>
      h("text", { x: x(point), y: height - up, "text-anchor": anchor, "data-key": `${name}${point}` }, text);
    return [label("x", 24, above), ...(date === undefined ? [] : [label("d", 8, date)])];
  });
  return [...rows, ...columns];
}

function failureMarks(shown: readonly Line[], { x, y }: Scales): Element[] {
  return shown.flatMap(({ index, failed }) =>
    failed.flatMap((count, i) => {
      if (count === 0) return [];
      const [cx, cy, r] = [x(i), y(0) - 6 - 4 * (index % 4), 3];
      const path = `M${cx - r},${cy - r}l${2 * r},${2 * r}m0,${-2 * r}l${-2 * r},${2 * r}`;
      return [h("path", { class: `fail s${index % 8}`, d: path, "data-key": `f${index}-${i}` })];
    }),
  );
}

function readout(
  space: SpaceDocument,
  point: number,
  status: KeeperStatus,
  committee: CommitteeStatus,
): Element {
  const parts = space.providers
    .filter(({ index }) => !hidden.has(index))
    .slice(0, maxLines)
    .map(({ index, bytes: values, committed, failed }) => {
      const value = meansOf(values, space.slotsPerPoint)[point] ?? null;
      const of = committed[point] ?? null;
      const whole = of === null ? "" : ` of ${bytes(of)}`;
      const lost = (failed[point] ?? 0) > 0 ? `, ${failed[point]} failed` : "";
      return h(
        "span",
        { "data-key": String(index) },
        h("span", { class: `swatch s${index % 8}`, "aria-hidden": "true" }),
        `provider ${index}: ${value === null ? "no record" : `${bytes(value)}${whole}`}${lost}`,
      );
    });
  return h(
    "p",
    // Screen readers read it while the user moves the cursor, not at every new slot.
    { class: "readout", "aria-live": cursor === undefined ? "off" : "polite" },
    h("strong", {}, timeText(timeOf(space, point, status, committee))),
    ...parts,
  );
}

function legend(space: SpaceDocument): Element {
  const boxes = space.providers.map(({ index }) =>
    h(
      "label",
      { "data-key": String(index) },
      h("input", { type: "checkbox", "data-provider": index, checked: !hidden.has(index) }),
      h("span", { class: `swatch s${index % 8}`, "aria-hidden": "true" }),
      `provider ${index}`,
    ),
  );
  return h("fieldset", { class: "legend" }, h("legend", {}, spoken("Providers to show")), ...boxes);
}

function committedText(committed: readonly (string | null)[]): string {
  const last = committed.findLast((value) => value !== null);
  return last === undefined || last === null ? "–" : bytes(last);
}

function figuresTable(space: SpaceDocument): Element {
  const rows = space.providers.map(({ index, bytes: values, committed, failed }) => {
    const known = values.filter((value) => value !== null).map(Number);
    const mean = known.length === 0 ? 0 : known.reduce((a, b) => a + b, 0) / known.length;
    const cells = [
      known.length === 0 ? "–" : bytes(known.at(-1) ?? 0),
      bytes(mean),
      known.length === 0 ? "–" : bytes(Math.min(...known)),
      committedText(committed),
      whole(failed.reduce((a, b) => a + b, 0)),
    ];
    return h(
      "tr",
      { "data-key": String(index) },
      h("th", { scope: "row" }, `provider ${index}`),
      ...cells.map((cell) => h("td", {}, cell)),
    );
  });
  return h(
    "details",
    { class: "as-table" },
    h("summary", {}, "As a table"),
    table("Bytes proven in the slots shown", ["", "last", "mean", "least", "committed", "failed"], rows),
  );
}

let isFirstDraw = true;

export function showSpace(status: KeeperStatus, committee: CommitteeStatus, space: SpaceDocument): void {
  if (space.slots.length === 0) {
    return place("space", h("p", { class: "empty" }, "No challenge has been recorded yet."));
  }
  if (isFirstDraw) for (const { index } of space.providers.slice(maxLines)) hidden.add(index);
  isFirstDraw = false;
  const shown = space.providers.filter(({ index }) => !hidden.has(index)).slice(0, maxLines);
  const width = Math.max(minWidth, document.getElementById("space")?.clientWidth ?? 0);
  const scales = scalesOf(space, shown, width);
  const last = space.slots.length - 1;
  const point = Math.min(cursor ?? last, last);
  place(
    "space",
    h(
      "div",
      {
        class: "chart",
        tabindex: 0,
        role: "slider",
        "aria-label": `Bytes proven by ${counted(shown.length, "provider")} at ${counted(space.slots.length, "point")} in time. The left and right arrow keys select a point, whose values are read out below.`,
        "aria-valuemin": 0,
        "aria-valuemax": last,
        "aria-valuenow": point,
        "aria-valuetext": timeText(timeOf(space, point, status, committee)),
      },
      h(
        "svg",
        { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
        ...axes(space, scales, status, committee),
        cursorLine(scales.x(point)),
        ...shown.flatMap((line) => providerLines(line, space.slotsPerPoint, scales)),
        ...failureMarks(shown, scales),
      ),
    ),
    readout(space, point, status, committee),
    legend(space),
    figuresTable(space),
  );
}

function cursorLine(x: number): Element {
  return h("line", { class: "cursor", x1: x, x2: x, y1: margin.top, y2: height - margin.bottom });
}

/** Thin line: bytes committed. Thick line: bytes proven. */
function providerLines(line: Line, slotsPerPoint: number, scales: Scales): Element[] {
  const { index, bytes: proven, committed } = line;
  const committedValues = committed.map((value) => (value === null ? null : Number(value)));
  return [
    h("path", {
      class: `line of s${index % 8}`,
      d: linePath(committedValues, scales),
      "data-key": `c${index}`,
    }),
    h("path", {
      class: `line s${index % 8}`,
      d: linePath(meansOf(proven, slotsPerPoint), scales),
      "data-key": `l${index}`,
    }),
  ];
}

/** Handles keys, pointer and check boxes; `redraw` is called after each change. */
export function bindChart(points: () => number, redraw: () => void): void {
  const root = document.getElementById("space");
  if (root === null) return;
  const move = (to: number): void => {
    const last = points() - 1;
    if (last < 0) return;
    // At the last point the cursor follows new points.
    cursor = to >= last ? undefined : Math.max(0, to);
    redraw();
  };
  root.addEventListener("keydown", (event) => {
    if (!(event.target instanceof Element) || !event.target.matches(".chart")) return;
    const to = keyTarget(event.key, points() - 1);
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  });
  root.addEventListener("pointermove", (event) => {
    const chart = event.target instanceof Element ? event.target.closest(".chart") : null;
    if (chart === null) return;
    const box = chart.getBoundingClientRect();
    const share =
      (event.clientX - box.left - margin.left) / Math.max(1, box.width - margin.left - margin.right);
    move(Math.round(share * (points() - 1)));
  });
  root.addEventListener("change", (event) => {
    if (!(event.target instanceof HTMLInputElement)) return;
    const index = Number(event.target.dataset["provider"]);
    if (event.target.checked) hidden.delete(index);
    else hidden.add(index);
    redraw();
  });
  new ResizeObserver(() => redraw()).observe(root);
}

/** The point to which a key moves the cursor; undefined for other keys. */
function keyTarget(key: string, last: number): number | undefined {
  const now = Math.min(cursor ?? last, last);
  return {
    ArrowLeft: now - 1,
    ArrowRight: now + 1,
    ArrowDown: now - 1,
    ArrowUp: now + 1,
    PageDown: now - 10,
    PageUp: now + 10,
    Home: 0,
    End: last,
  }[key];
}
