/** Recognises a full disk or quota in errors of Node, LevelDB and SQLite, and gives one text for all of them. */

/** The write failed; earlier writes are complete. */
export class DiskFullError extends Error {
  override readonly name = "DiskFullError";
  /** File or folder of the write; undefined if it is unknown. */
  readonly place: string | undefined;
  /** How much was needed, and where there is how much; undefined if a write failed. */
  readonly detail: string | undefined;

  constructor(
    place: string | undefined,
    { cause, detail }: { readonly cause?: unknown; readonly detail?: string } = {},
  ) {
    const text = detail ?? (place === undefined ? undefined : `${place} cannot be written`);
    super(`the disk is full${text === undefined ? "" : `: ${text}`}`, { cause });
    this.place = place;
    this.detail = detail;
  }
}

const fullCodes: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);
const sqliteFull = 13;
/** Texts of C libraries: LevelDB forwards the text alone. */
const fullText = /no space left on device|disk quota exceeded|database or disk is full/i;
const maxDepth = 8;

/** Whether a full disk caused the error. */
export function isDiskFull(error: unknown, depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > maxDepth) return false;
  if (error instanceof DiskFullError) return true;
  const { code, errcode, message, cause, driverError } = error as Record<string, unknown>;
  if (fullCodes.has(code) || errcode === sqliteFull) return true;
  if (typeof message === "string" && fullText.test(message)) return true;
  return isDiskFull(cause, depth + 1) || isDiskFull(driverError, depth + 1);
}

/** Runs `work`. @throws DiskFullError with the place if the disk is full */
export async function namingFullDisk<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DiskFullError) throw error;
    throw isDiskFull(error) ? new DiskFullError(place, { cause: error }) : error;
  }
}
