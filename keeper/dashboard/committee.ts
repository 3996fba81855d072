/** The card of keepers: the committee's members, their connections and latencies. */
import type { CommitteeStatus } from "../api/schemas.ts";
import { h, place, sign, table } from "../../daemon/page/dom.ts";
import { shortHex, whole } from "../../daemon/page/format.ts";
import { copyButton } from "../../daemon/page/facts.ts";

/** Latency at which the bar is full. */
const fullBar_ms = 400;

type Member = CommitteeStatus["members"][number];

export function showKeepers({ connected, members, quorum }: CommitteeStatus): void {
  const caption = `${connected} of ${members.length} connected, ${quorum} must sign`;
  const heads = ["seat", "operator", "state", "version", "latency"];
  place("keepers", table(caption, heads, members.map(memberRow)));
}

function memberRow({ index, operator, me, connected, latency_ms, speaks }: Member): Element {
  return h(
    "tr",
    { "data-key": operator },
    h("th", { scope: "row" }, String(index)),
    h(
      "td",
      { class: "mono", title: operator },
      shortHex(operator),
      " ",
      copyButton(`operator of keeper ${index}`, operator),
      me && h("span", { class: "tag me" }, "this one"),
    ),
    h(
      "td",
      { class: "state" },
      connected ? sign("●", "", "good") : sign("○", "", "bad"),
      connected ? " connected" : " offline",
    ),
    h(
      "td",
      { title: "newest version of the messages that the keeper supports" },
      speaks === null ? "–" : String(speaks),
    ),
    h("td", { class: "latency" }, me ? "–" : latencyText(latency_ms), latencyBar(latency_ms)),
  );
}

function latencyText(latency_ms: number | null): string {
  if (latency_ms === null) return "–";
  return `${latency_ms < 10 ? latency_ms.toFixed(1) : whole(latency_ms)} ms`;
}

function latencyBar(latency_ms: number | null): Element | undefined {
  if (latency_ms === null) return undefined;
  const width = Math.min(1, latency_ms / fullBar_ms) * 100;
  return h(
    "svg",
    { viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
    h("rect", { x: 0, y: 0, width, height: 4 }),
  );
}
