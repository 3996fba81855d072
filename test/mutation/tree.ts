/** A copy of the project in which faults are planted; the original does not change. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyTree } from "../support/tree-copy.ts";
import { editsOf } from "./faults.ts";
import type { Fault } from "./faults.ts";
import { replaceCode } from "./plant.ts";

export class Tree {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async copy(): Promise<Tree> {
    const folder = await mkdtemp(join(tmpdir(), "whitepay-mutation-"));
    await copyTree(folder);
    return new Tree(folder);
  }

  /** Plants the fault for as long as `during` runs. */
  async with<T>(fault: Fault, during: () => Promise<T>): Promise<T> {
    const before = new Map<string, string>();
    try {
      for (const { file, find, put } of editsOf(fault)) {
        const path = join(this.folder, file);
        const source = await readFile(path, "utf8");
        if (!before.has(path)) before.set(path, source);
        await writeFile(path, replaceCode(source, find, put));
      }
      return await during();
    } finally {
      for (const [path, source] of before) await writeFile(path, source);
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
