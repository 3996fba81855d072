/** The figures at the top of a page, and the list of problems. */
import { h, spoken } from "./dom.ts";
import { counted, span } from "./format.ts";

export type Mood = "good" | "warn" | "bad" | "plain";

export function figure(
  label: string,
  value: string,
  note: string,
  mood: Mood = "plain",
  title?: string,
): Element {
  const words = { good: "", plain: "", warn: "attention: ", bad: "trouble: " } as const;
  return h(
    "div",
    { class: `figure ${mood}`, "data-key": label },
    h("dt", {}, label),
    h("dd", { class: "value", title }, words[mood] !== "" && spoken(words[mood]), value),
    h("dd", { class: "note" }, note),
  );
}

/** @param who the daemon, in words: "keeper" or "provider" */
export function problemBanner(who: string, problems: readonly string[]): Element {
  return h(
    "div",
    { class: "banner bad" },
    h("strong", {}, `This ${who} cannot do its work:`),
    h("ul", {}, ...problems.map((problem) => h("li", { "data-key": problem }, problem))),
  );
}

/** The mean time of a block, and the blocks over which it was measured. */
export function paceText({
  block_s,
  measured,
}: {
  readonly block_s: number | null;
  readonly measured: { readonly blocks: number; readonly seconds: number } | null;
}): string {
  if (block_s === null || measured === null) return "not known yet";
  const { blocks: count, seconds } = measured;
  return `${block_s.toFixed(block_s < 10 ? 1 : 0)} s, over the last ${counted(count, "block")} (${span(seconds)})`;
}
