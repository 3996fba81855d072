/** The public page of an archive: shows what its worker read. */
import { h, place } from "../../daemon/page/dom.ts";
import { bindCopy, bindTheme } from "../../daemon/page/live.ts";
import { shortHex, whole } from "../../daemon/page/format.ts";
import { bindChart, showChart } from "./chart.ts";
import type { ManifestDocument, StandingDocument, Told } from "./documents.ts";
import { bindFiles, showFiles } from "./files.ts";
import { showFunders, showHolders } from "./holders.ts";
import { showAbout, showAlarm, showGlance } from "./overview.ts";

let standing: StandingDocument | undefined;
let worker: Worker | undefined;

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element with the id ${id}`);
  return found;
}

function showLink(state: "live" | "wait" | "away", text: string): void {
  element("link").dataset["state"] = state;
  element("link").textContent = text;
}

function showManifest({ title, root, edition }: ManifestDocument): void {
  place("title", title);
  place("identity", h("span", { title: `manifest ${root}` }, `edition ${edition}, ${shortHex(root)}`));
  document.title = title;
}

function draw(): void {
  if (standing === undefined) return;
  showManifest(standing.manifest);
  document.title = `${standing.files.some(({ isAlarming }) => isAlarming) ? "⚠ " : ""}${standing.manifest.title}`;
  showAlarm(standing);
  showGlance(standing);
  showChart(standing);
  showFiles(standing);
  showHolders(standing);
  showFunders(standing);
  showAbout(standing);
  element("all").hidden = false;
}

function failed(problems: readonly string[]): void {
  showLink("away", "not read");
  element("progress").hidden = true;
  const stale = standing === undefined ? "" : " What is shown below is from before.";
  place(
    "problems",
    h(
      "div",
      { class: "banner bad" },
      h("strong", {}, `How the archive stands cannot be read.${stale}`),
      h("ul", {}, ...problems.map((problem, i) => h("li", { "data-key": String(i) }, problem))),
    ),
  );
}

function take(told: Told): void {
  switch (told.kind) {
    case "progress":
      place("progress", told.text);
      break;
    case "manifest":
      showManifest(told.manifest);
      break;
    case "failed":
      end();
      failed(told.problems);
      break;
    case "standing":
      end();
      ({ standing } = told);
      element("progress").hidden = true;
      showLink("live", `read to block ${whole(standing.head.block)}`);
      draw();
      break;
    default:
  }
}

function end(): void {
  worker?.terminate();
  worker = undefined;
  element("again").hidden = false;
}

function read(): void {
  element("again").hidden = true;
  element("progress").hidden = false;
  showLink("wait", "reading");
  worker?.terminate();
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }: MessageEvent<Told>) => take(data));
  worker.addEventListener("error", (event) => {
    end();
    failed([event.message === "" ? "the files of this page are not complete" : event.message]);
  });
}

bindTheme();
bindCopy();
bindChart(
  () => standing?.points.length ?? 0,
  () => standing !== undefined && showChart(standing),
);
bindFiles(() => standing !== undefined && showFiles(standing));
element("again").addEventListener("click", read);
// Enter in the field for names would load the page again.
element("choose").addEventListener("submit", (event) => event.preventDefault());
read();
