/** Amounts, named facts and copy buttons. */
import { h } from "./dom.ts";
import { amount, exactAmount, shortHex } from "./format.ts";

export type Token = {
  /** null: the chain's own coin. */
  readonly address: string | null;
  readonly symbol: string;
  readonly decimals: number | null;
};

/** Four significant digits; the title has all digits. */
export function money(units: bigint | string, { symbol, decimals }: Token): Element {
  return h(
    "span",
    { class: "num", title: `${exactAmount(units, decimals)} ${symbol}` },
    `${amount(units, decimals)} ${symbol}`,
  );
}

type Child = Element | string;

export function fact(name: string, ...value: Child[]): Element {
  return h("div", { "data-key": name }, h("dt", {}, name), h("dd", {}, ...value));
}

/** A button that copies `text` to the clipboard; `bindCopy` handles its click. */
export function copyButton(what: string, text: string): Element {
  return h(
    "button",
    { class: "copy", type: "button", "data-copy": text, "aria-label": `Copy ${what}` },
    "copy",
  );
}

/** A text with a copy button. */
export function copied(what: string, text: string): Element {
  return h("span", { class: "copied" }, h("span", { class: "mono" }, text), " ", copyButton(what, text));
}

/** The head of a group's row. @param isShown whether the page shows the details of this group */
export function groupHead(group: string, isShown: boolean): Element {
  return h(
    "th",
    { scope: "row", class: "mono", title: group },
    shortHex(group),
    " ",
    copyButton(`address of group ${group}`, group),
    isShown && h("span", { class: "tag me" }, "shown"),
  );
}
