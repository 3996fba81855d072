/** `whitepay provider drain`, and the lines of the status about volumes and the scrub. */
import type { Command } from "commander";
import { counted } from "../../protocol/counted.ts";
import type { ScrubState } from "../../provider/scrub-state.ts";
import type { VolumeLook } from "../../storage/disk/volumes/volume-set.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { hashProgressBar } from "../console/hash-progress.ts";
import { jsonOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { formatShare } from "../console/share.ts";
import { asProviderFailure, configOption, loadProvider } from "./context.ts";

type DrainOptions = { readonly config?: string; readonly json?: boolean; readonly cancel?: true };

export function registerVolumes(provider: Command): void {
  configOption(jsonOption(provider.command("drain")))
    .description("move the pieces of a volume to the others; the provider may run")
    .argument("<volume>", "folder of the volume, as in `volumes` of the config file")
    .option("--cancel", "let the volume take new pieces again; what was moved stays where it is")
    .action((volume: string, options: DrainOptions) => drainCommand(volume, options));
}

async function drainCommand(path: string, options: DrainOptions): Promise<void> {
  const { openStore } = await import("../../provider/ingest.ts");
  const { drainVolume } = await import("../../storage/disk/volumes/drain.ts");
  const store = await openStore(await loadProvider(options));
  const volume = store.volumes.at(path);
  if (volume === undefined) {
    const looks = await store.volumes.look();
    throw usageError(`${path} is no volume`, {
      expected: looks.map((look) => look.path).join(", "),
      hint: "whitepay provider status shows the volumes",
    });
  }
  if (options.cancel === true) {
    await asProviderFailure(store.volumes.setDraining(volume, false));
    if (options.json === true) return printJson({ volume: volume.path, draining: false });
    return printLine(`volume    ${volume.path} takes new pieces again`);
  }
  const onPiece = (root: string) => {
    const onProgress = hashProgressBar(root);
    return onProgress ? { onProgress } : {};
  };
  const { moved, movedBytes, left, arriving } = await asProviderFailure(
    drainVolume(store, volume, { onPiece }),
  );
  if (options.json === true)
    printJson({ volume: volume.path, draining: true, moved, movedBytes, left, arriving });
  else {
    printLine(`drained   ${volume.path}: ${counted(moved, "piece")}, ${formatBytes(movedBytes)} moved`);
    for (const { root, reason } of left) printLine(`  left    ${root}: ${reason}`);
    if (arriving > 0) printLine(`  left    ${counted(arriving, "piece")} that payers are sending`);
  }
  if (left.length > 0 || arriving > 0) {
    throw new CliError({
      code: exitCodes.failed,
      message: `the volume is not empty: ${counted(left.length + arriving, "piece")} left`,
      hint: "see to the pieces above, then re-run",
    });
  }
  say(
    `next: remove ${volume.path} from \`volumes\` in the config file; the provider then needs it no longer`,
  );
}

export function volumeLine({ path, condition, reason, freeBytes, pieces, storedBytes }: VolumeLook): string {
  if (condition === "gone") return `volume     ${path}: GONE: ${reason}`;
  const takes = {
    ready: "",
    draining: "; draining: takes no new pieces",
    closed: "; takes no new pieces, because `volumes` does not name it",
    "read-only": `; READ-ONLY: ${reason}`,
  }[condition];
  return `volume     ${path}: ${counted(pieces, "piece")}, ${formatBytes(storedBytes)}; ${formatBytes(freeBytes)} free${takes}`;
}

const day = (time_ms: number): string => new Date(time_ms).toISOString().slice(0, 10);

export function scrubLines(scrub: ScrubState | undefined): string[] {
  if (scrub === undefined) return ["scrub      nothing is read yet: it runs with the provider"];
  const { begunAt_ms, readBytes, totalBytes, damaged, last } = scrub;
  const before = last === undefined ? "" : `; the last pass ended ${day(last.endedAt_ms)}`;
  const share = formatShare(BigInt(Math.min(readBytes, totalBytes)), BigInt(totalBytes));
  return [
    `scrub      ${share} of ${formatBytes(totalBytes)} read since ${day(begunAt_ms)}; ${counted(damaged.length, "damaged piece")}${before}`,
    ...damaged.map(({ text, since_ms }) => `  damaged  since ${day(since_ms)}: ${text}`),
  ];
}
