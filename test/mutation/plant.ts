/**
 * Finds code in a source file by its tokens. White space, comments and trailing commas do not count, so a formatter breaks no
 * planted fault. Works for TypeScript and Solidity.
 */

type Token = { readonly text: string; readonly start: number; readonly end: number };

const lexer =
  /\/\/[^\n]*|\/\*[^]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[^])*`|[\p{L}\p{N}_$#]+|[^\s]/gu;

function tokensOf(text: string): Token[] {
  const all = [...text.matchAll(lexer)]
    .filter(([token]) => !/^\/[/*]/.test(token))
    .map((match) => ({ text: match[0], start: match.index, end: match.index + match[0].length }));
  return all.filter(({ text }, i) => !(text === "," && /^[)\]}]$/.test(all[i + 1]?.text ?? "")));
}

/** Positions [start, end) of all occurrences of the code. */
export function placesOf(source: string, code: string): (readonly [start: number, end: number])[] {
  const [tokens, wanted] = [tokensOf(source), tokensOf(code)];
  if (wanted.length === 0) throw new Error("expected code to look for, actual none");
  return tokens.flatMap((first, i) => {
    if (!wanted.every(({ text }, k) => tokens[i + k]?.text === text)) return [];
    return [[first.start, (tokens[i + wanted.length - 1] as Token).end] as const];
  });
}

/** @throws Error unless the code occurs exactly once */
export function replaceCode(source: string, find: string, put: string): string {
  const places = placesOf(source, find);
  const [place] = places;
  if (place === undefined || places.length !== 1) {
    throw new Error(`expected this code once, actual ${places.length} times: ${find}`);
  }
  return source.slice(0, place[0]) + put + source.slice(place[1]);
}
