/** Starts full-disk-process.ts on a small disk of its own, and checks what it printed. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { start } from "./cli.ts";
import { sharedFolder } from "./files.ts";
import { canMount } from "./small-disk.ts";

const script = join(import.meta.dirname, "full-disk-process.ts");

type Played = {
  readonly name: string;
  readonly kib: number;
  readonly outcome: "done" | "full" | "other";
  readonly detail: string;
  readonly lost: readonly unknown[];
  readonly left: readonly string[];
  readonly isUnchanged: boolean;
};
type ReadOnly = {
  readonly name: "read-only";
  readonly readOnly: readonly string[];
  readonly left: readonly { readonly reason: string }[];
};

/** @param kibs free space of the plays, ascending from 0 to room for everything */
export function fullDiskTests(kibs: readonly number[]): void {
  let lines: (Played | ReadOnly)[] = [];
  let isPlayed = true;

  beforeAll(async () => {
    isPlayed = await canMount();
    if (!isPlayed)
      return void process.stdout.write(
        "full disk: NOT PLAYED, because this machine refuses mount namespaces\n",
      );
    const { folder, remove } = await sharedFolder();
    const [disk, other] = [join(folder, "disk"), join(folder, "other")];
    for (const path of [disk, other]) await mkdir(path);
    const words = ["--user", "--map-root-user", "--mount", "sh", "-ec"];
    const shell =
      'mount -t tmpfs -o size=12m none "$1"; disk=$1; node=$2; script=$3; shift 3; exec "$node" "$script" "$disk" "$@"';
    const running = start("unshare", [
      ...words,
      shell,
      "sh",
      disk,
      process.execPath,
      script,
      other,
      ...kibs.map(String),
    ]);
    const { code, stdout, stderr } = await running.ended;
    await remove();
    expect(stderr).toBe("");
    expect(code).toBe(0);
    lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Played | ReadOnly);
  }, 120_000);

  const played = (): Played[] => lines.filter((line): line is Played => "outcome" in line);

  describe("a store on a disk that fills up", () => {
    it("loses no piece and no list, and leaves no half-written piece", () => {
      expect(played()).toHaveLength(isPlayed ? 10 * kibs.length : 0);
      expect(played().filter(({ lost, left }) => lost.length > 0 || left.length > 0)).toEqual([]);
    });

    it("says that the disk is full for every write, and does the work as soon as there is room", () => {
      expect(played().filter(({ outcome }) => outcome === "other")).toEqual([]);
      for (const name of new Set(played().map((play) => play.name))) {
        const outcomes = played().filter((play) => play.name === name);
        expect([name, outcomes[0]?.outcome]).toEqual([name, "full"]);
        const always = name === "ingest while the disk fills up";
        expect([name, outcomes.at(-1)?.outcome]).toEqual([name, always ? "full" : "done"]);
      }
    });

    it("has the same lists after a refusal", () => {
      const changed = played().filter(({ outcome, isUnchanged }) => outcome === "full" && !isUnchanged);
      expect(changed).toEqual([]);
    });
  });

  describe("a volume that becomes read-only", () => {
    it("is proven from, gets no new pieces, can be copied away, and is used again later", () => {
      if (!isPlayed) return;
      expect(lines.find(({ name }) => name === "read-only")).toEqual({
        name: "read-only",
        readOnly: ["read-only", "ready"],
        proven: 1,
        provenAgain: 1,
        elsewhere: true,
        left: [
          {
            root: expect.stringMatching(/^0x/) as string,
            reason: "copied; it cannot be deleted here, because the volume takes no writes",
          },
        ],
        after: ["draining", "ready"],
      });
    });
  });
}
