/** Draws the profit of each strategy against honest play as bars, in a self-contained SVG file. */
import { bound } from "./study.ts";
import type { Row } from "./study.ts";
import { percent } from "./table.ts";

const rowHeight = 24;
const labelWidth = 190;
const plotWidth = 420;
const valueWidth = 130;
const top = 64;
/** Relative to honest profit; lower values are drawn at this limit. */
const lowest = -2;
const highest = 0.1;
const ticks = [-2, -1, -0.3, -0.1, -0.03, -0.01, 0, 0.01, 0.03, 0.1];

/** One scale for small gains and large losses: about linear below a hundredth, logarithmic above. */
function bent(gain: number): number {
  return Math.sign(gain) * Math.log1p(Math.abs(gain) / 0.01);
}

function xOf(gain: number): number {
  const inside = Math.min(highest, Math.max(lowest, gain));
  const share = (bent(inside) - bent(lowest)) / (bent(highest) - bent(lowest));
  return Math.round((labelWidth + share * plotWidth) * 10) / 10;
}

function bar(row: Row, index: number): string {
  const y = top + index * rowHeight;
  const { mean, deviation } = row.gain;
  const [zero, end] = [xOf(0), xOf(mean)];
  const kind = mean > bound ? "more" : "less";
  const name = `${row.strategy}, ${row.followers} of ${row.committee}`;
  const middle = y + rowHeight / 2;
  return `<text x="${labelWidth - 10}" y="${middle + 4}" text-anchor="end">${name}</text>
<rect class="${kind}" x="${Math.min(zero, end)}" y="${y + 5}" width="${Math.max(1, Math.abs(end - zero)).toFixed(1)}" height="${rowHeight - 10}"/>
<path class="spread" d="M${xOf(mean - deviation)} ${middle} H${xOf(mean + deviation)}"/>
<text x="${labelWidth + plotWidth + 10}" y="${middle + 4}">${percent(row.gain)} %</text>`;
}

export function chartOf(rows: readonly Row[]): string {
  const drawn = rows.filter(({ strategy }) => strategy !== "honest");
  const width = labelWidth + plotWidth + valueWidth;
  const height = top + drawn.length * rowHeight + 16;
  const grid = ticks.map((tick) => {
    const x = xOf(tick);
    const line = `<path class="${tick === 0 ? "zero" : "grid"}" d="M${x} ${top - 6} V${height - 16}"/>`;
    return `${line}<text x="${x}" y="${top - 12}" text-anchor="middle">${Math.round(tick * 100)}</text>`;
  });
  const limit = `<path class="bound" d="M${xOf(bound)} ${top - 6} V${height - 16}"/>`;
  const said = drawn.map(
    (row) => `${row.strategy}, ${row.followers} of ${row.committee}: ${percent(row.gain)} %`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">Profit of a strategy against honest play</title>
<desc id="desc">In percent of honest profit. ${said.join("; ")}.</desc>
<style>
svg { background: #ffffff; color: #1b1f23; font: 12px system-ui, sans-serif; }
text { fill: currentColor; }
.grid { stroke: #8a9299; stroke-opacity: 0.35; }
.zero { stroke: currentColor; }
.bound { stroke: #b3161b; stroke-dasharray: 4 3; }
.spread { stroke: currentColor; stroke-width: 2; }
.less { fill: #4a86c8; }
.more { fill: #b3161b; }
@media (prefers-color-scheme: dark) {
  svg { background: #12161b; color: #e8ecf0; }
  .bound { stroke: #ff8f8a; }
  .more { fill: #ff8f8a; }
}
</style>
<rect width="${width}" height="${height}" fill="none"/>
<text x="10" y="20">Profit of a follower against honest play, percent of honest profit; lines: deviation between seeds;</text>
<text x="10" y="36">dashed: the most that a strategy of at most f keepers may gain. Logarithmic beyond one percent.</text>
${grid.join("\n")}
${limit}
${drawn.map(bar).join("\n")}
</svg>
`;
}
