/** A disk, or a quota on it, that is full: how Node, LevelDB and SQLite say so, and one text for all of them. */

/** What was to be written is not. Nothing that was written before is lost. */
export class DiskFullError extends Error {
  override readonly name = "DiskFullError";
  /** File or folder that was written to, as far as it is known. */
  readonly place: string | undefined;

  constructor(place: string | undefined, options: { readonly cause?: unknown } = {}) {
    super(`the disk is full${place === undefined ? "" : `: ${place} cannot be written`}`, options);
    this.place = place;
  }
}

const fullCodes: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);
const sqliteFull = 13;
/** How C libraries word it: LevelDB passes only the text on. */
const fullText = /no space left on device|disk quota exceeded|database or disk is full/i;
const maxDepth = 8;

/** Whether an error, or what caused it, is a full disk. */
export function isDiskFull(error: unknown, depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > maxDepth) return false;
  if (error instanceof DiskFullError) return true;
  const { code, errcode, message, cause, driverError } = error as Record<string, unknown>;
  if (fullCodes.has(code) || errcode === sqliteFull) return true;
  if (typeof message === "string" && fullText.test(message)) return true;
  return isDiskFull(cause, depth + 1) || isDiskFull(driverError, depth + 1);
}

/** Does the work; a full disk becomes a DiskFullError that names the place. */
export async function namingFullDisk<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isDiskFull(error) ? new DiskFullError(place, { cause: error }) : error;
  }
}
