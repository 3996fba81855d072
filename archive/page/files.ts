/** The table of files: a page of rows at a time, since an archive may have 100,000 files. */
import { h, place, table } from "../../daemon/page/dom.ts";
import { copyButton } from "../../daemon/page/facts.ts";
import { bytes, counted, dateOf, shortHex, whole } from "../../daemon/page/format.ts";
import { select } from "../../daemon/page/live.ts";
import { pathOfFile } from "../http-path.ts";
import { smallPicture } from "./chart.ts";
import { downloadOf, maxDownloadBytes, startDownload } from "./downloads.ts";
import type { FileDocument, StandDocument, StandingDocument } from "./documents.ts";
import { copiesSign, copiesText } from "./words.ts";

const rowsOfPage = 50;
const filterAfter_ms = 150;

let first = 0;
/** Name of the file that is unfolded. */
let opened: string | undefined;
/** The files in order, until choice or document change. */
let chosen:
  | { readonly of: StandingDocument; readonly key: string; readonly files: readonly FileDocument[] }
  | undefined;

const filterField = (): HTMLInputElement => document.getElementById("filter") as HTMLInputElement;

const collator = new Intl.Collator("en", { numeric: true });
const orders: Readonly<
  Record<string, (standing: StandingDocument) => (a: FileDocument, b: FileDocument) => number>
> = {
  copies: ({ stands }) => {
    const now = ({ stand }: FileDocument): number => stands[stand]?.now ?? 0;
    return (a, b) => Number(b.isAlarming) - Number(a.isAlarming) || now(a) - now(b);
  },
  name: () => (a, b) => collator.compare(a.name, b.name),
  bytes: () => (a, b) => b.bytes - a.bytes,
};

function filesOf(standing: StandingDocument): readonly FileDocument[] {
  const wanted = filterField().value.toLowerCase();
  const order = select("order").value;
  const key = `${order} ${wanted}`;
  if (chosen?.of === standing && chosen.key === key) return chosen.files;
  const compare = orders[order]?.(standing);
  const found = standing.files.filter(({ name }) => name.toLowerCase().includes(wanted));
  // The sort keeps the manifest's order among equals.
  chosen = { of: standing, key, files: compare === undefined ? found : found.sort(compare) };
  first = 0;
  return chosen.files;
}

function row(file: FileDocument, standing: StandingDocument): Element[] {
  const stand = standing.stands[file.stand] as StandDocument;
  const isOpen = opened === file.name;
  const { worst } = stand;
  const main = h(
    "tr",
    { "data-key": file.name, class: file.isAlarming ? "alarming" : undefined },
    h(
      "th",
      { scope: "row", class: "name" },
      h(
        "button",
        { class: "open", type: "button", "data-file": file.name, "aria-expanded": String(isOpen) },
        h("bdi", {}, file.name),
      ),
    ),
    h("td", { class: "num" }, bytes(file.bytes)),
    h("td", {}, copiesSign(stand, file)),
    h("td", {}, whole(worst.copies), " ", h("span", { class: "dim wide-only" }, dateOf(worst.time_s))),
    h("td", {}, smallPicture(stand.series, standing, file.derivedFrom === null)),
  );
  if (!isOpen) return [main];
  return [
    main,
    h(
      "tr",
      { "data-key": `${file.name}/more`, class: "more" },
      h("td", { colspan: 5 }, details(file, stand, standing)),
    ),
  ];
}

function details(file: FileDocument, stand: StandDocument, standing: StandingDocument): Element {
  const holders = stand.holders.map(({ provider, since_s }) => {
    const operator = standing.providers[provider]?.operator ?? "";
    return h(
      "tr",
      { "data-key": operator },
      h(
        "th",
        { scope: "row", class: "mono", title: operator },
        shortHex(operator),
        " ",
        copyButton(`the address of provider ${operator}`, operator),
      ),
      h("td", {}, dateOf(since_s)),
    );
  });
  return h(
    "div",
    { class: "unfolded" },
    holders.length === 0
      ? h("p", { class: "empty" }, "No provider has a proven copy now.")
      : table(`Proven copies of ${file.name}`, ["provider", "since"], holders),
    h(
      "p",
      {},
      `${copiesText(stand.now)} now, fewest ${whole(stand.worst.copies)} from ${dateOf(stand.worst.time_s)} on.`,
    ),
    file.derivedFrom !== null &&
      h("p", {}, `It can be computed from ${file.derivedFrom}, so it needs no copy.`),
    h("p", { class: "mono break" }, `piece root ${file.root}`),
    h("p", { class: "mono break" }, `BLAKE2b-512 ${file.blake2b}`),
    reading(file, standing),
    links(file, standing),
  );
}

/** Reads the file in this page, which checks it. */
function reading({ name, bytes: size, root }: FileDocument, { readers }: StandingDocument): Element {
  if (readers.length === 0 || size > maxDownloadBytes) {
    const why = readers.length === 0 ? "" : `It is larger than ${bytes(maxDownloadBytes)}. `;
    return h("p", { class: "dim" }, `${why}\`whitepay fetch NAME --manifest FILE\` reads and checks it.`);
  }
  const state = downloadOf(root);
  return h(
    "p",
    { class: "break", role: "status" },
    h(
      "button",
      { class: "plain", type: "button", "data-download": name, disabled: state?.isRunning === true },
      "Read and check it here",
    ),
    state !== undefined && ` ${state.text}`,
  );
}

/** Bytes from these places are not checked by the browser: compare the hash. */
function links({ name, urls }: FileDocument, { readers, manifest }: StandingDocument): Element {
  const path = pathOfFile(manifest.root as `0x${string}`, name);
  const places = [...readers.map((reader) => reader.replace(/\/+$/, "") + path), ...urls];
  if (places.length === 0) return h("p", { class: "dim" }, "No place on the web to read it from is known.");
  return h(
    "div",
    {},
    h("p", { class: "dim" }, "Read it from these places, and compare the hash; not all of them have it:"),
    h(
      "ul",
      { class: "links" },
      ...places.map((url) =>
        h("li", { "data-key": url }, h("a", { href: url, rel: "noreferrer noopener", class: "break" }, url)),
      ),
    ),
  );
}

export function showFiles(standing: StandingDocument): void {
  const files = filesOf(standing);
  if (files.length === 0) return place("files", h("p", { class: "empty" }, "No file has such a name."));
  const shown = files.slice(first, first + rowsOfPage);
  const caption = `${whole(first + 1)} to ${whole(first + shown.length)} of ${counted(files.length, "file")}`;
  const button = (name: string, text: string, isOff: boolean): Element =>
    h(
      "button",
      { class: "plain", type: "button", "data-turn": name, disabled: isOff, "data-key": name },
      text,
    );
  place(
    "files",
    h(
      "div",
      { class: "scroll", "data-key": "table" },
      table(
        caption,
        ["name", "bytes", "copies", "fewest", "over time"],
        shown.flatMap((file) => row(file, standing)),
        { class: "files" },
      ),
    ),
    files.length > rowsOfPage &&
      h(
        "nav",
        { class: "turn", "aria-label": "Pages of files", "data-key": "turn" },
        button("back", "Previous 50", first === 0),
        h("span", { class: "dim" }, caption),
        button("on", "Next 50", first + rowsOfPage >= files.length),
      ),
  );
}

/** Handles the choice, pages and names; `redraw` is called after each change. */
export function bindFiles(redraw: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  filterField().addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(redraw, filterAfter_ms);
  });
  select("order").addEventListener("change", redraw);
  document.getElementById("files")?.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const { turn, file, download } = button?.dataset ?? {};
    if (turn !== undefined) first = Math.max(0, first + (turn === "on" ? rowsOfPage : -rowsOfPage));
    else if (file !== undefined) opened = opened === file ? undefined : file;
    else if (download !== undefined) {
      const wanted = chosen?.files.find(({ name }) => name === download);
      if (chosen !== undefined && wanted !== undefined) startDownload(wanted, chosen.of, redraw);
      return;
    } else return;
    redraw();
  });
}
