/** Finds imports and names in TypeScript. Comments and strings are replaced by spaces first, so that nothing in them counts. */

export type ImportStatement = {
  /** The module specifier; `undefined` for a computed dynamic import. */
  from: string | undefined;
  /** The import disappears when types are removed. */
  typeOnly: boolean;
  line: number;
};

type Blanked = {
  /** Comments and the contents of strings and regular expressions are spaces; all positions stay the same. */
  code: string;
  /** Comments are spaces; strings are kept. */
  withTexts: string;
};

const regexMayFollow =
  /(^|[=(,:;!&|?{}[\]+\-*%<>~^]|\b(return|typeof|case|in|of|delete|void|throw|await|yield))\s*$/;

/** Index just after the text, template piece or regular expression that starts at `start`. */
function endOfQuoted(source: string, start: number, quote: string): number {
  let inClass = false;
  for (let i = start + 1; i < source.length; i++) {
    const c = source.charAt(i);
    if (c === "\\") i++;
    else if (quote === "/" && c === "[") inClass = true;
    else if (quote === "/" && c === "]") inClass = false;
    else if (quote === "`" && c === "$" && source.charAt(i + 1) === "{") return i;
    else if (c === quote && !inClass) return i + 1;
  }
  return source.length;
}

export function blank(source: string): Blanked {
  const code = source.split("");
  const withTexts = [...code];
  const wipe = (target: string[], from: number, to: number): void => {
    for (let i = from; i < to; i++) if (target[i] !== "\n") target[i] = " ";
  };
  // One entry per open `${`: how many braces are open inside it.
  const templates: number[] = [];
  let i = 0;
  const quoted = (quote: string, start: number): void => {
    const end = endOfQuoted(source, start, quote);
    const opensExpression = quote === "`" && source.startsWith("${", end);
    wipe(code, start + 1, opensExpression ? end : Math.max(start + 1, end - 1));
    if (opensExpression) templates.push(0);
    i = opensExpression ? end + 2 : end;
  };
  while (i < source.length) {
    const two = source.slice(i, i + 2);
    const c = source.charAt(i);
    const open = templates.length - 1;
    if (two === "//" || two === "/*") {
      const found = two === "//" ? source.indexOf("\n", i) : source.indexOf("*/", i) + 2;
      const end = found <= 1 ? source.length : found;
      wipe(code, i, end);
      wipe(withTexts, i, end);
      i = end;
    } else if (c === '"' || c === "'" || c === "`") quoted(c, i);
    else if (c === "/" && regexMayFollow.test(code.slice(Math.max(0, i - 40), i).join(""))) quoted("/", i);
    else if (c === "}" && open >= 0 && templates[open] === 0) {
      templates.pop();
      quoted("`", i);
    } else {
      if (open >= 0 && c === "{") templates[open] = (templates[open] ?? 0) + 1;
      if (open >= 0 && c === "}") templates[open] = (templates[open] ?? 0) - 1;
      i++;
    }
  }
  return { code: code.join(""), withTexts: withTexts.join("") };
}

function lineOf(source: string, index: number): number {
  return source.slice(0, index).split("\n").length;
}

/** `import { type A, type B }` leaves nothing at run time that one would want; with one value among them it does. */
function namesOnlyTypes(clause: string): boolean {
  const names = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1];
  if (names === undefined) return false;
  const parts = names.split(",").filter((part) => part.trim() !== "");
  return parts.length > 0 && parts.every((part) => /^\s*type\s/.test(part));
}

/** Every import, re-export, dynamic import, type query and require of a source. */
export function importsOf(source: string): ImportStatement[] {
  const { code, withTexts } = blank(source);
  const found: ImportStatement[] = [];
  const textAt = (index: number): string | undefined =>
    /^["']([^"'\n]*)["']/.exec(withTexts.slice(index))?.[1];
  for (const match of code.matchAll(/\b(import|export)\b([^;"'`()=]*?)\bfrom\s*(?=["'])/g)) {
    const clause = match[2] ?? "";
    const typeOnly = /^\s+type\b(?!\s*(,|from\b))/.test(clause) || namesOnlyTypes(clause);
    found.push({ from: textAt(match.index + match[0].length), typeOnly, line: lineOf(source, match.index) });
  }
  for (const match of code.matchAll(/\bimport\s*(?=["'])/g)) {
    found.push({
      from: textAt(match.index + match[0].length),
      typeOnly: false,
      line: lineOf(source, match.index),
    });
  }
  for (const match of code.matchAll(/\b(import|require)\s*\(\s*/g)) {
    found.push({
      from: textAt(match.index + match[0].length),
      typeOnly: false,
      line: lineOf(source, match.index),
    });
  }
  return found;
}

/** Lines of `source` on which one of the patterns matches in code, with what matched. */
export function findInCode(source: string, patterns: readonly RegExp[]): { line: number; text: string }[] {
  const { code } = blank(source);
  return patterns.flatMap((pattern) =>
    [...code.matchAll(new RegExp(pattern.source, "g"))].map((match) => ({
      line: lineOf(source, match.index),
      text: match[0].trim(),
    })),
  );
}
