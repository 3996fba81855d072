/** Follows the volumes while the provider runs: their settings, whether they are there, and the files that are stored where they lie. */
import { setTimeout as sleep } from "node:timers/promises";
import { piecesInPlace } from "../storage/disk/in-place.ts";
import type { InPlacePiece } from "../storage/disk/in-place.ts";
import { sourceChange } from "../storage/disk/piece-files.ts";
import type { PieceStore } from "../storage/disk/store.ts";
import type { VolumeLook } from "../storage/disk/volumes/volume-set.ts";
import type { VolumeSetting } from "../storage/disk/volumes/volume.ts";

const lookEvery_ms = 5_000;
/** Files whose size and time are compared at each look: all of the longest list within half an hour. */
const filesAtOnce = 256;
/** Looking for these files among all pieces takes at most this part of the time. */
const searchShare = 1 / 50;

export type VolumeLog = {
  error(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  info(fields: object, text: string): void;
};

export type VolumeWatchDependencies = {
  readonly store: PieceStore;
  readonly log: VolumeLog;
  /** Reads the settings again. Default: they stay. Rejects if the file is not valid. */
  readonly settings?: (() => Promise<readonly VolumeSetting[]>) | undefined;
  /** Called with the root of a piece whose file has another size or time than noted. */
  readonly onChanged: (root: string) => void;
};

export class VolumeWatch {
  readonly #deps: VolumeWatchDependencies;
  #looks: readonly VolumeLook[] = [];
  #settings = "";
  #settingsFault = "";
  #inPlace: InPlacePiece[] = [];
  #nextSearch_ms = 0;
  /** By root, the text about its file that was logged last. */
  readonly #changes = new Map<string, string>();

  constructor(deps: VolumeWatchDependencies) {
    this.#deps = deps;
  }

  /** As they were at the last look. */
  get looks(): readonly VolumeLook[] {
    return this.#looks;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look().catch((error: unknown) => {
        this.#deps.log.warn({ reason: "volumes-unread" }, `the volumes cannot be read: ${String(error)}`);
      });
      await sleep(lookEvery_ms, undefined, { signal }).catch(() => undefined);
    }
  }

  async look(): Promise<void> {
    await this.#follow();
    const looks = await this.#deps.store.volumes.look();
    for (const look of looks) this.#logChange(look);
    for (const { path } of this.#looks) {
      if (looks.every((one) => one.path !== path))
        this.#deps.log.info({ volume: path }, `volume ${path}: removed`);
    }
    this.#looks = looks;
    await this.#compareFiles();
  }

  /** Takes changed settings. */
  async #follow(): Promise<void> {
    const { settings, store, log } = this.#deps;
    if (settings === undefined) return;
    try {
      const volumes = await settings();
      const text = JSON.stringify(volumes);
      if (this.#settings !== "" && text !== this.#settings) await store.volumes.use(volumes);
      this.#settings = text;
      this.#settingsFault = "";
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#settingsFault) {
        log.warn({ reason: "settings-invalid" }, `the settings stay as they are: ${message}`);
      }
      this.#settingsFault = message;
    }
  }

  #logChange({ path, condition, reason, freeBytes, pieces }: VolumeLook): void {
    const before = this.#looks.find((one) => one.path === path);
    if (before?.condition === condition && before.reason === reason) return;
    const fields = { volume: path, condition, freeBytes, pieces };
    const { log } = this.#deps;
    if (condition === "gone") {
      const what = "its pieces cannot be proven, the others can; new pieces go elsewhere";
      log.error({ reason: "volume-gone", ...fields }, `volume ${path} is gone: ${reason}; ${what}`);
    } else if (condition === "read-only") {
      log.error(
        { reason: "volume-read-only", ...fields },
        `volume ${path}: ${reason}; new pieces go elsewhere`,
      );
    } else log.info(fields, `volume ${path}: ${condition}`);
  }

  /** Compares size and time of some files with their notes; over the looks, of all. */
  async #compareFiles(): Promise<void> {
    const begun_ms = performance.now();
    if (this.#inPlace.length === 0 && begun_ms >= this.#nextSearch_ms) {
      this.#inPlace = await piecesInPlace(this.#deps.store);
      this.#nextSearch_ms = begun_ms + (performance.now() - begun_ms) / searchShare;
    }
    for (const { root, note } of this.#inPlace.splice(0, filesAtOnce)) {
      const change = await sourceChange(note);
      if (change === undefined) {
        this.#changes.delete(root);
        continue;
      }
      if (this.#changes.get(root) === change) continue;
      this.#changes.set(root, change);
      this.#deps.log.warn({ reason: "file-changed", root }, change);
      this.#deps.onChanged(root);
    }
  }
}
