/** The alarm, the figures at the top, and what the page is made of. */
import { h, place } from "../../daemon/page/dom.ts";
import { copied, fact } from "../../daemon/page/facts.ts";
import { figure } from "../../daemon/page/figures.ts";
import { bytes, counted, dateOf, shortHex, whole } from "../../daemon/page/format.ts";
import type { StandingDocument } from "./documents.ts";
import { copiesText } from "./words.ts";

const shownFiles = 10;

function nowOf(standing: StandingDocument, stand: number): number {
  return standing.stands[stand]?.now ?? 0;
}

/** Files with too few copies; the worst first. */
export function showAlarm(standing: StandingDocument): void {
  const { files, least, remarks, unread } = standing;
  const alarmed = files
    .filter(({ isAlarming }) => isAlarming)
    .toSorted((a, b) => nowOf(standing, a.stand) - nowOf(standing, b.stand));
  const last = alarmed.filter(({ stand }) => nowOf(standing, stand) <= 1).length;
  const more = alarmed.length - shownFiles;
  const banners = [
    alarmed.length > 0 &&
      h(
        "div",
        { class: `banner ${last > 0 ? "bad" : "warn"}`, "data-key": "alarm", id: "alarm" },
        h(
          "strong",
          {},
          `Alarm: ${counted(alarmed.length, "file")} with fewer than ${copiesText(least)}; ` +
            `${whole(last)} at the last copy or without one.`,
        ),
        h(
          "ul",
          {},
          ...alarmed.slice(0, shownFiles).map(({ name, stand }) =>
            h(
              "li",
              { "data-key": name },
              // A name may change the direction of text.
              h("bdi", {}, name),
              `: ${lastText(nowOf(standing, stand))}`,
            ),
          ),
          more > 0 && h("li", { "data-key": "more" }, `and ${counted(more, "file")} more`),
        ),
      ),
    unread.length > 0 &&
      h(
        "div",
        { class: "banner warn", "data-key": "unread", id: "unread" },
        h(
          "strong",
          {},
          "Copies may be missing here: the piece lists of some data cannot be read from a browser.",
        ),
        h(
          "ul",
          {},
          ...unread
            .slice(0, shownFiles)
            .map(({ operator, listRoot, from_s, to_s }) =>
              h(
                "li",
                { "data-key": `${operator}${listRoot}` },
                `provider ${operator}, data from ${dateOf(from_s)} to ${to_s === null ? "now" : dateOf(to_s)}`,
              ),
            ),
          unread.length > shownFiles &&
            h("li", { "data-key": "more" }, `and ${whole(unread.length - shownFiles)} more`),
        ),
      ),
    remarks.length > 0 &&
      h(
        "div",
        { class: "banner warn", "data-key": "remarks", id: "remarks" },
        h("ul", {}, ...remarks.map((remark, i) => h("li", { "data-key": String(i) }, remark))),
      ),
  ];
  place("problems", ...banners);
}

function lastText(now: number): string {
  return now === 1 ? "1 copy, the last one" : copiesText(now);
}

export function showGlance(standing: StandingDocument): void {
  const { files, stands, providers, groups, points, days, least, manifest } = standing;
  const all = files.reduce((sum, file) => sum + file.bytes, 0);
  const needed = files.filter(({ derivedFrom }) => derivedFrom === null);
  const shown = needed.length > 0 ? needed : files;
  const now = shown.map(({ stand }) => stands[stand]?.now ?? 0);
  const fewest = now.length === 0 ? 0 : now.reduce((a, b) => Math.min(a, b));
  const worst = points.length === 0 ? undefined : points.reduce((a, b) => (b.fewest < a.fewest ? b : a));
  const holding = providers.filter((one) => one.files > 0);
  const funders = new Set(groups.flatMap((group) => group.funders.map(({ from }) => from ?? "sent ahead")));
  place(
    "glance",
    figure("Files", whole(files.length), `${bytes(all)}; edition ${manifest.edition}`),
    figure(
      "Fewest copies now",
      copiesText(fewest),
      `of ${counted(shown.length, "file")} that must be kept; alarm below ${whole(least)}`,
      fewest >= least ? "good" : fewest <= 1 ? "bad" : "warn",
    ),
    figure(
      `Worst moment in ${counted(days, "day")}`,
      worst === undefined ? "–" : copiesText(worst.fewest),
      worst === undefined ? "nothing was stored" : `of the file with the fewest, ${dateOf(worst.time_s)}`,
      worst === undefined || worst.fewest >= least ? "plain" : "warn",
    ),
    figure(
      "Providers",
      whole(holding.length),
      `with proven copies, of ${whole(providers.length)} that committed to data`,
    ),
    figure(
      "Who pays",
      whole(funders.size),
      `${funders.size === 1 ? "account" : "accounts"} deposited in ${counted(groups.length, "group")}`,
    ),
  );
}

export function showAbout(standing: StandingDocument): void {
  const { manifest, head, from_s, groups, readers, pictured, files } = standing;
  place(
    "about",
    fact("Manifest", copied("the manifest's root", manifest.root)),
    fact("Curator", manifest.curator),
    fact("Description", manifest.description === "" ? "none" : manifest.description),
    fact("Read", `to block ${whole(head.block)}, of ${dateOf(head.time_s)}`),
    fact("Looked at", `from ${dateOf(from_s)} on`),
    fact("Counted in the picture", `${whole(pictured)} of ${counted(files.length, "file")}`),
    fact(
      "Groups",
      ...(groups.length === 0
        ? ["none"]
        : groups.map(({ group }) => copied(`the group ${shortHex(group)}`, group))),
    ),
    fact("Servers for readers", readers.length === 0 ? "none is named" : readers.join(", ")),
  );
}
