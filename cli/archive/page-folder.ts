/** The folder of a public page: new, or with an earlier page in it. */
import { mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import { whyNot } from "../../storage/disk/file-words.ts";
import { usageError } from "../console/exit.ts";

/** Written first, so that an interrupted page can be written again. */
const marker = "page.txt";

export class PageFolder {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws CliError exit 2 if other files are in it */
  static async open(folder: string): Promise<PageFolder> {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
      if (error.code === "ENOENT") return [];
      throw usageError(`${folder} cannot be used: ${whyNot(error)}`);
    });
    if (names.length > 0 && !names.includes(marker)) {
      throw usageError(`${folder} has other files`, {
        expected: "a new folder, an empty one, or one with a page of an archive",
        hint: "name another folder",
      });
    }
    const page = new PageFolder(folder);
    await page.write(marker, "The public page of an archive, written by `whitepay archive page`.\n");
    return page;
  }

  at(path: string): string {
    return join(this.#folder, path);
  }

  async write(path: string, data: string | Uint8Array): Promise<void> {
    const file = this.at(path);
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomic(file, data);
  }
}
