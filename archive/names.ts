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
