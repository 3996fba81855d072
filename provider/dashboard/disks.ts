/** The card of disks: the volumes, and what the scrub has read and found. */
import type { ProviderStatus, VolumeDocument } from "../api/schemas.ts";
import { h, place, table } from "../../daemon/page/dom.ts";
import { fact } from "../../daemon/page/facts.ts";
import { bytes, counted, dateOf, percent, whole } from "../../daemon/page/format.ts";

const words = {
  ready: ["", "takes new pieces"],
  draining: ["warn", "takes no new pieces"],
  closed: ["", "takes no new pieces: volumes does not name it"],
  "read-only": ["bad", ""],
  gone: ["bad", ""],
} as const;

export function showDisks({ volumes, scrub }: ProviderStatus): void {
  if (volumes.length === 0) place("volumes", h("p", { class: "empty" }, "The volumes are not read yet."));
  else {
    const heads = ["volume", "state", "pieces", "stored", "free"];
    const region = { class: "scroll", tabindex: 0, role: "group", "aria-label": "Volumes" };
    place(
      "volumes",
      h("div", region, table(counted(volumes.length, "volume"), heads, volumes.map(volumeRow))),
    );
  }
  place("scrub", ...scrubFacts(scrub));
}

function volumeRow({ path, condition, reason, pieces, storedBytes, freeBytes }: VolumeDocument): Element {
  const [kind, text] = words[condition];
  return h(
    "tr",
    { "data-key": path },
    h("th", { scope: "row", class: "mono" }, path),
    h("td", {}, h("span", { class: `tag ${kind}` }, condition), ` ${reason ?? text}`),
    h("td", {}, whole(pieces)),
    h("td", {}, bytes(storedBytes)),
    h("td", {}, bytes(freeBytes)),
  );
}

function scrubFacts(scrub: ProviderStatus["scrub"]): Element[] {
  if (scrub === null) return [fact("Scrub", "nothing is read yet")];
  const { readBytes, totalBytes, begunAt_ms, endedAt_ms, damaged } = scrub;
  const share = percent(BigInt(Math.min(readBytes, totalBytes)), BigInt(totalBytes));
  const damage = damaged.map(({ root, text, since_ms }) =>
    h(
      "li",
      { "data-key": root },
      h("span", { class: "tag bad" }, "damaged"),
      ` since ${dateOf(since_ms / 1000)}: ${text}`,
    ),
  );
  return [
    fact("Scrub", `${share} of ${bytes(totalBytes)} read since ${dateOf(begunAt_ms / 1000)}`),
    fact("Last whole pass", endedAt_ms === null ? "none yet" : `ended ${dateOf(endedAt_ms / 1000)}`),
    fact("Damaged pieces", damaged.length === 0 ? "none" : h("ul", { class: "whys" }, ...damage)),
  ];
}
