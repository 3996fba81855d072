/** Creates elements from data, and updates the page without losing focus, selection or unfolded details. */

type Child = Node | string | undefined | false;
type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

const svgNames = new Set(["svg", "g", "path", "rect", "line", "circle", "text", "title"]);
const svgSpace = "http://www.w3.org/2000/svg";

function fill<T extends Element>(element: T, attributes: Attributes, children: readonly Child[]): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

/** Creates an element. Strings become text, never markup. `data-key` identifies it among its siblings over updates. */
export function h(tag: string, attributes: Attributes = {}, ...children: Child[]): Element {
  const element = svgNames.has(tag) ? document.createElementNS(svgSpace, tag) : document.createElement(tag);
  return fill(element, attributes, children);
}

/** A table with a caption and a row of column heads. An empty head is a plain cell. */
export function table(
  caption: string,
  heads: readonly string[],
  rows: readonly Element[],
  attributes: Attributes = {},
): Element {
  const head = heads.map((name) => (name === "" ? h("td", {}) : h("th", { scope: "col" }, name)));
  return h(
    "table",
    attributes,
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...rows),
  );
}

/** Text for screen readers only. */
export function spoken(text: string): Element {
  return h("span", { class: "hidden" }, text);
}

/** A symbol, with `words` in its place for screen readers. */
export function sign(symbol: string, words: string, kind: string): Element {
  return h("span", { class: `sign ${kind}` }, h("span", { "aria-hidden": "true" }, symbol), spoken(words));
}

function keyOf(node: Node): string | undefined {
  return node instanceof Element ? (node.getAttribute("data-key") ?? undefined) : undefined;
}

function sameKind(a: Node, b: Node): boolean {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
}

function syncAttributes(from: Element, to: Element): void {
  for (const name of from.getAttributeNames()) {
    // Details that the user unfolded stay unfolded.
    if (!to.hasAttribute(name) && !(name === "open" && from.nodeName === "DETAILS"))
      from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
}

function morph(from: Node, to: Node): void {
  if (!(from instanceof Element) || !(to instanceof Element)) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  syncAttributes(from, to);
  update(from, [...to.childNodes]);
}

/** Makes `children` the children of `parent`, and reuses existing nodes of the same kind and key. */
function update(parent: Element, children: readonly Node[]): void {
  const keyed = new Map<string, Node>();
  for (const child of parent.childNodes) {
    const key = keyOf(child);
    if (key !== undefined) keyed.set(key, child);
  }
  let at = parent.firstChild;
  for (const next of children) {
    const key = keyOf(next);
    const known = key === undefined ? at : (keyed.get(key) ?? null);
    if (known !== null && sameKind(known, next)) {
      if (known === at) at = at.nextSibling;
      else parent.insertBefore(known, at);
      morph(known, next);
    } else {
      parent.insertBefore(next, at);
    }
  }
  while (at !== null) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

/** Replaces the content of the element with this id. */
export function place(id: string, ...children: Child[]): void {
  const parent = document.getElementById(id);
  if (parent === null) throw new Error(`the page has no element with the id ${id}`);
  update(
    parent,
    children
      .filter((child) => child !== undefined && child !== false)
      .map((child) => (typeof child === "string" ? document.createTextNode(child) : child)),
  );
}
