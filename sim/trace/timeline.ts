/** A run as one HTML page without external resources: a chart with a lane for each keeper, and a list of the events. */
import { readFileSync } from "node:fs";
import type { SimulationResult } from "../simulate.ts";
import { inWords } from "./text.ts";
import { counted } from "../../protocol/counted.ts";

const asset = (name: string): string => readFileSync(new URL(`./page/${name}`, import.meta.url), "utf8");

/** The page is one file: the module that its script imports is in it too. */
const importMap = JSON.stringify({
  imports: { "./run.js": `data:text/javascript,${encodeURIComponent(asset("run.js"))}` },
});

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** JSON for a script element; no value can end the element. */
function embedded(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "bigint" ? part.toString() : part,
  ).replaceAll("<", "\\u003c");
}

/** `keepers`: how many seats there are, those of keepers that wait for one included. */
export function timelinePage(result: SimulationResult, keepers: number): string {
  const { name, seed, settled, intervals, violations, events } = result;
  const title = `${name} (seed ${seed})`;
  const worded = events.map((event) => ({ ...event, words: inWords(event) ?? quiet(event.kind) }));
  const verdict =
    violations.length === 0
      ? `<p class="good">No checker complained.</p>`
      : `<ul class="bad">${violations.map((v) => `<li>${escaped(`${v.checker}, block ${v.block}: ${v.text}`)}</li>`).join("")}</ul>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' data:">
<title>${escaped(title)}</title>
<style>
${asset("timeline.css")}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p>${settled} of ${counted(intervals, "interval")} settled, ${counted(keepers, "keeper")}.</p>
${verdict}
<div class="bar">
<label for="places">Show</label>
<select id="places"></select>
<button type="button" data-key="ArrowLeft" aria-label="earlier">←</button>
<button type="button" data-key="ArrowRight" aria-label="later">→</button>
<button type="button" data-key="+" aria-label="closer">+</button>
<button type="button" data-key="-" aria-label="farther">−</button>
<button type="button" data-key="0">all</button>
</div>
<svg id="chart" tabindex="0" role="group" aria-labelledby="chart-name" aria-describedby="chart-help"></svg>
<p id="chart-name" class="soft">Keepers K0 to K${keepers - 1} as lanes over the blocks; the thick line is the leader of the turn,
bars are faults while they last, triangles notes of a keeper, diamonds signatures; boxes below are settlements, which credit the providers
(prov).</p>
<p id="chart-help" class="soft">Arrow keys move, + and − look closer and farther, 0 shows all. Close up, lines lead to
where a message arrives; a dashed one was lost.</p>
<fieldset id="kinds"><legend>Events</legend></fieldset>
<h2>Events in view</h2>
<p id="view" class="soft" role="status"></p>
<ol id="list"></ol>
</main>
<script type="application/json" id="data">${embedded({ keepers, events: worded })}</script>
<script type="importmap">${importMap}</script>
<script type="module">
${asset("timeline.js")}</script>
</body>
</html>
`;
}

/** Texts of events that the trace leaves out. */
function quiet(kind: string): string {
  return kind === "said" ? "says hello" : kind === "asked" ? "asks for what it missed, is answered" : kind;
}
