/**
 * The mark of an object volume: an object with the volume's id and that of the data folder to which it belongs. Two providers that name the same
 * bucket and prefix would delete each other's pieces, so the second one is refused.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../disk/atomic-write.ts";
import { markName } from "../disk/volumes/mark.ts";
import type { Found } from "../disk/volumes/volume.ts";
import type { Bucket } from "./bucket.ts";

/** A volume that answers is asked again after this time: 43,200 requests in 30 days. */
const askEvery_ms = 60_000;
/** One that does not answer. */
const askAgain_ms = 5_000;
const idForm = /^[0-9a-f]{32}$/;

export class ObjectMark {
  readonly #bucket: Bucket;
  readonly #home: string;
  readonly #takeOver: boolean;
  #found: Found | undefined;
  #asking: Promise<void> | undefined;
  #asked_ms = 0;

  /** @param home the store's own folder */
  constructor(bucket: Bucket, home: string, { takeOver }: { readonly takeOver: boolean }) {
    this.#bucket = bucket;
    this.#home = home;
    this.#takeOver = takeOver;
  }

  /** Waits for the store only at the first call. */
  async find(): Promise<Found> {
    if (this.#found === undefined) await this.#ask();
    else {
      const isSound = this.#found.fault === undefined && this.#bucket.fault === undefined;
      const since_ms = performance.now() - this.#asked_ms;
      if (since_ms >= (isSound ? askEvery_ms : askAgain_ms)) void this.#ask();
    }
    const { fault } = this.#bucket;
    return fault === undefined ? (this.#found as Found) : { fault };
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#read()
      // Of a volume that was found once, the bucket knows whether it can be asked.
      .catch((error: unknown): Found => {
        return this.#found?.id === undefined ? { fault: (error as Error).message } : this.#found;
      })
      .then((found) => {
        this.#found = found;
        this.#asked_ms = performance.now();
      })
      .finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #read(): Promise<Found> {
    const home = await homeId(this.#home);
    const text = await this.#bucket.getSmall(markName);
    if (text === undefined) {
      const id = randomBytes(16).toString("hex");
      await this.#write(id, home);
      return { id };
    }
    const mark = readMark(text);
    if (mark === undefined) {
      const form = '{"version":1,"id":"32 hex digits","home":"32 hex digits"}';
      return { fault: `${this.#bucket.name}${markName}: damaged: expected ${form}; restore the object` };
    }
    if (mark.home === home) return { id: mark.id };
    if (!this.#takeOver) {
      return {
        fault:
          "it belongs to another data folder: name another prefix, or set `takeOver: true` once if that folder is lost",
      };
    }
    await this.#write(mark.id, home);
    return { id: mark.id };
  }

  #write(id: string, home: string): Promise<void> {
    return this.#bucket.put(markName, Buffer.from(`${JSON.stringify({ version: 1, id, home })}\n`));
  }
}

function readMark(text: string): { readonly id: string; readonly home: string } | undefined {
  let mark: { version?: unknown; id?: unknown; home?: unknown } | null;
  try {
    mark = JSON.parse(text) as typeof mark;
  } catch {
    return undefined;
  }
  const { version, id, home } = mark ?? {};
  const isMark = version === 1 && typeof id === "string" && typeof home === "string";
  return isMark && idForm.test(id) && idForm.test(home) ? { id, home } : undefined;
}

/** The id of the store's own folder, made at the first call; two processes may make it at once. */
async function homeId(home: string): Promise<string> {
  const folder = join(home, "objects");
  const path = join(folder, "home");
  const kept = async (): Promise<string> => (await readFile(path, "utf8").catch(() => "")).trim();
  const before = await kept();
  if (idForm.test(before)) return before;
  const id = randomBytes(16).toString("hex");
  await mkdir(folder, { recursive: true });
  const temporary = `${path}.${id}`;
  await writeFileAtomic(temporary, `${id}\n`);
  // A link replaces no id that another process made meanwhile.
  await link(temporary, path).catch(() => undefined);
  await rm(temporary, { force: true });
  const made = await kept();
  if (idForm.test(made)) return made;
  throw new Error(`${path}: expected 32 hex digits; restore the file`);
}
