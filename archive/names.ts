/** Names of files in an archive: relative paths that are safe on every system. */

const encoder = new TextEncoder();
/** File systems hold no longer part. */
export const maxPartBytes = 255;
/** Leaves three quarters of the path length that systems accept (4,096) for the folder of the archive. */
export const maxNameBytes = 1024;

/** Why a text cannot name a file of an archive; undefined if it can. */
export function nameFault(name: string): string | undefined {
  if (name === "") return "expected a name, actual an empty text";
  if (!name.isWellFormed()) return "expected valid Unicode";
  if (name !== name.normalize("NFC")) return "expected Unicode in normal form C (NFC)";
  if (/[\\\p{Cc}]/u.test(name)) return "expected no backslash and no control character";
  if (name === "manifest") return '"manifest" is the name of the manifest itself';
  const bytes = encoder.encode(name).length;
  if (bytes > maxNameBytes) return `expected at most ${maxNameBytes} bytes, actual ${bytes}`;
  if (name.startsWith("/")) return "expected a relative path, actual an absolute one";
  for (const part of name.split("/")) {
    if (part === "") return 'expected parts separated by one "/", actual an empty part';
    if (part === "." || part === "..") return `expected no part "${part}"`;
    const length = encoder.encode(part).length;
    if (length > maxPartBytes) return `expected parts of at most ${maxPartBytes} bytes, actual ${length}`;
  }
  return undefined;
}

/** The first name that is repeated or that is also the folder of another one, with the reason. */
export function collision(names: readonly string[]): string | undefined {
  const all = new Set<string>();
  for (const name of names) {
    if (all.has(name)) return `${JSON.stringify(name)} appears twice`;
    all.add(name);
  }
  for (const name of names) {
    for (let at = name.indexOf("/"); at >= 0; at = name.indexOf("/", at + 1)) {
      const folder = name.slice(0, at);
      if (all.has(folder))
        return `${JSON.stringify(folder)} is a file, and the folder of ${JSON.stringify(name)}`;
    }
  }
  return undefined;
}

function fits(parts: readonly string[], name: string): boolean {
  const [head = "", ...rest] = parts;
  if (!name.startsWith(head)) return false;
  let at = head.length;
  for (const [i, part] of rest.entries()) {
    const isLast = i === rest.length - 1;
    const found = isLast ? name.length - part.length : name.indexOf(part, at);
    if (found < at || !name.startsWith(part, found)) return false;
    at = found + part.length;
  }
  return at === name.length;
}

/** Whether a pattern, in which * stands for any characters, fits the name as a whole or its last part. */
export function matchesName(pattern: string, name: string): boolean {
  const parts = pattern.split("*");
  return fits(parts, name) || fits(parts, name.slice(name.lastIndexOf("/") + 1));
}

/**
 * A name from a template, in which {n} is the last number in `name` and {n-1} the number before it, with as many digits.
 * @returns undefined if the template needs a number that `name` does not have
 */
export function nameFrom(template: string, name: string): string | undefined {
  const digits = /(\d+)\D*$/.exec(name)?.[1];
  if (!/\{n(-1)?\}/.test(template)) return template;
  if (digits === undefined) return undefined;
  const before = BigInt(digits) - 1n;
  if (before < 0n && template.includes("{n-1}")) return undefined;
  return template.replaceAll("{n}", digits).replaceAll("{n-1}", String(before).padStart(digits.length, "0"));
}
