/**
 * The volumes of a store. Which piece lies on which volume is written nowhere but in their folders, so nothing can contradict them: a volume
 * may go, come back at another path, or be filled by another process. The store's own folder has, in `volumes/`:
 *   <id>            path at which the volume with this mark was found last
 *   <id>.draining   exists while the volume takes no new pieces
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { writeFileAtomic } from "../atomic-write.ts";
import { DiskFullError } from "../disk-full.ts";
import { whyNot } from "../file-words.ts";
import { StoreError } from "../lists.ts";
import { readMark, writeMark } from "./mark.ts";
import type { PieceFiles } from "../readable-piece.ts";
import { Volume } from "./volume.ts";
import type { Found, VolumeSetting } from "./volume.ts";

/**
 * "draining" and "closed" take no new pieces: the operator drains the volume, or it is the store's own folder beside other volumes.
 * "gone": its folder has not its mark, cannot be read, or is another volume's.
 */
export type VolumeCondition = "ready" | "draining" | "closed" | "read-only" | "gone";

export type VolumeLook = {
  readonly path: string;
  readonly condition: VolumeCondition;
  /** Why it is read-only or gone. */
  readonly reason: string | undefined;
  /** For new pieces; 0 if it is gone. */
  readonly freeBytes: number;
  /** Pieces there, and their bytes with trees; 0 if it is gone. */
  readonly pieces: number;
  readonly storedBytes: number;
};

const homeId = "home";

type Member = {
  readonly volume: Volume;
  readonly isHome: boolean;
  /** False for the store's own folder beside other volumes. */
  readonly isNamed: boolean;
  /** Of the settings of a volume that is no folder. */
  readonly key?: string | undefined;
};

export type PlaceOfPiece = {
  readonly volume: Volume;
  /** On this machine. */
  readonly dir: string;
  readonly files: PieceFiles;
};

export class VolumeSet {
  readonly #home: string;
  #members: readonly Member[] = [];

  private constructor(home: string) {
    this.#home = resolve(home);
  }

  /** @param home the store's own folder: the only volume if `settings` names none */
  static async open(home: string, settings: readonly VolumeSetting[]): Promise<VolumeSet> {
    const set = new VolumeSet(home);
    await mkdir(join(home, "volumes"), { recursive: true });
    await set.use(settings);
    return set;
  }

  /** Takes other volumes from now on, also while pieces are proven. */
  async use(settings: readonly VolumeSetting[]): Promise<void> {
    const known = new Map(this.#members.map(({ volume }) => [volume.path, volume]));
    const keys = new Map(this.#members.map(({ volume, key }) => [volume.path, key]));
    const made = settings.map((setting): Member => {
      const { remote } = setting;
      if (remote !== undefined) {
        const before = keys.get(setting.path) === remote.key ? known.get(setting.path) : undefined;
        const volume = before ?? remote.open(this.#home);
        return { volume, isHome: false, isNamed: true, key: remote.key };
      }
      const path = resolve(setting.path);
      const before = known.get(path);
      // The known volume knows the sizes of its pieces.
      const volume = before?.maxBytes === setting.maxBytes ? before : undefined;
      const isHome = path === this.#home;
      return { volume: volume ?? new Volume({ ...setting, path }), isHome, isNamed: true };
    });
    if (!made.some(({ isHome }) => isHome)) {
      const volume = known.get(this.#home) ?? new Volume({ path: this.#home });
      made.push({ volume, isHome: true, isNamed: settings.length === 0 });
    }
    this.#members = made;
    await this.#forgetRemoved();
    for (const member of this.#members) {
      if ((await this.#find(member)).fault !== undefined) continue;
      // A volume that takes no writes still has its pieces.
      await member.volume.makeFolders().catch(() => undefined);
      await member.volume.sweep().catch(() => undefined);
    }
  }

  /** All volumes as they are now. The store's own folder is left out if it is no volume and has no pieces. */
  async look(): Promise<VolumeLook[]> {
    const looks: VolumeLook[] = [];
    for (const member of this.#members) {
      const look = await this.#look(member);
      if (look.condition !== "closed" || look.pieces > 0) looks.push(look);
    }
    return looks;
  }

  async #look(member: Member): Promise<VolumeLook> {
    const { volume } = member;
    const { path } = volume;
    const gone = (reason: string): VolumeLook => {
      return { path, condition: "gone", reason, freeBytes: 0, pieces: 0, storedBytes: 0 };
    };
    const found = await this.#find(member);
    if (found.fault !== undefined) return gone(found.fault);
    try {
      const { pieces, bytes: storedBytes } = await volume.stored();
      const common = { path, pieces, storedBytes, freeBytes: await volume.freeBytes() };
      const reason = await volume.writeFault();
      if (reason !== undefined) return { ...common, condition: "read-only", reason };
      const isDraining = existsSync(this.#drainPath(found.id));
      const condition = isDraining ? "draining" : member.isNamed ? "ready" : "closed";
      return { ...common, condition, reason };
    } catch (error) {
      return gone(whyNot(error));
    }
  }

  /** The id of the volume in a member's folder; marks a folder that was never a volume. */
  async #find({ volume, isHome }: Member): Promise<Found> {
    const { path } = volume;
    if (isHome) return { id: homeId };
    try {
      const remote = await volume.identify();
      if (remote !== undefined) {
        if (remote.fault === undefined) await this.#note(remote.id, path);
        return remote;
      }
      if (!(await stat(path)).isDirectory()) return { fault: "it is a file, expected a folder" };
      const marked = await readMark(path);
      if (marked === undefined && (await this.#idsAt(path)).length > 0) {
        return { fault: "its mark is missing: another disk or none is mounted there" };
      }
      const id = marked ?? (await this.#begin(volume));
      const twin = await this.#twinOf(path, id);
      if (twin !== undefined) return { fault: `it is the same volume as ${twin}; name it once` };
      await this.#note(id, path);
      return { id };
    } catch (error) {
      return { fault: whyNot(error) };
    }
  }

  async #begin(volume: Volume): Promise<string> {
    const id = await writeMark(volume.path);
    await volume.makeFolders();
    return id;
  }

  /** Path of an earlier volume with the same id. */
  async #twinOf(path: string, id: string): Promise<string | undefined> {
    for (const { volume, isHome } of this.#members) {
      if (volume.path === path) return undefined;
      if (!isHome && (await readMark(volume.path).catch(() => undefined)) === id) return volume.path;
    }
    return undefined;
  }

  async #note(id: string, path: string): Promise<void> {
    const file = join(this.#home, "volumes", id);
    const before = await readFile(file, "utf8").catch(() => undefined);
    if (before?.trim() !== path) await writeFileAtomic(file, `${path}\n`);
  }

  /** Ids of the volumes that were last found at a path. */
  async #idsAt(path: string): Promise<string[]> {
    const ids: string[] = [];
    for (const [id, at] of await this.#noted()) if (at === path) ids.push(id);
    return ids;
  }

  async #noted(): Promise<[string, string][]> {
    const folder = join(this.#home, "volumes");
    const ids = (await readdir(folder)).filter((name) => /^[0-9a-f]{32}$/.test(name));
    return Promise.all(ids.map(async (id) => [id, (await readFile(join(folder, id), "utf8")).trim()]));
  }

  /** Forgets drained volumes that the settings no longer name, so that they can be added again. */
  async #forgetRemoved(): Promise<void> {
    const named = new Set(this.#members.map(({ volume }) => volume.path));
    for (const [id, path] of await this.#noted()) {
      if (named.has(path) || !existsSync(this.#drainPath(id))) continue;
      await rm(join(this.#home, "volumes", id), { force: true });
      await rm(this.#drainPath(id), { force: true });
    }
  }

  #drainPath(id: string): string {
    return join(this.#home, "volumes", `${id}.draining`);
  }

  /** The volume at a path, or with a name; undefined if the settings name none there. */
  at(path: string): Volume | undefined {
    const named = this.#members.find(({ volume }) => volume.path === path || volume.path === resolve(path));
    return named?.volume;
  }

  /** @throws StoreError if the volume is gone */
  async setDraining(volume: Volume, isDraining: boolean): Promise<void> {
    const member = this.#members.find((one) => one.volume === volume) as Member;
    const found = await this.#find(member);
    if (found.fault !== undefined) throw new StoreError(`${volume.path}: ${found.fault}`);
    if (isDraining) await writeFile(this.#drainPath(found.id), "");
    else await rm(this.#drainPath(found.id), { force: true });
  }

  /**
   * The ready volume with the most free bytes, if a piece fits. `isLocal`: on a disk of this machine.
   * @throws DiskFullError that names every volume and why it does not take the piece
   * @throws StoreError that does so, if none takes new pieces
   */
  async place(bytes: number, { isLocal = false } = {}): Promise<Volume> {
    let best: VolumeLook | undefined;
    const looks = (await this.look()).filter(({ path }) => !isLocal || this.at(path)?.isLocal === true);
    for (const look of looks) {
      if (look.condition !== "ready" || look.freeBytes < bytes) continue;
      if (best === undefined || look.freeBytes > best.freeBytes) best = look;
    }
    const volume = best && this.at(best.path);
    if (volume !== undefined) return volume;
    const whys = looks.map(({ path, condition, reason, freeBytes }) => {
      if (condition === "ready") return `${path} has ${freeBytes} free`;
      return `${path} is ${condition}${reason === undefined ? "" : ` (${reason})`}`;
    });
    if (looks.every(({ condition }) => condition !== "ready")) {
      throw new StoreError(`no volume takes new pieces: ${whys.join("; ")}`);
    }
    throw new DiskFullError(undefined, { detail: `no volume takes ${bytes} bytes: ${whys.join("; ")}` });
  }

  /** Places of a piece: one, or two after a crash in a move, or none. */
  async locate(name: string): Promise<PlaceOfPiece[]> {
    const found = [];
    for (const { volume } of this.#members) {
      if (await exists(volume.pieceDir(name))) found.push(placeOn(volume, name));
    }
    return found;
  }

  /** The first place of a piece, or the one where it would be. */
  placeNow(name: string): PlaceOfPiece {
    const volumes = this.#members.map(({ volume }) => volume);
    const found = volumes.find((volume) => existsSync(volume.pieceDir(name)));
    return placeOn(found ?? (volumes[0] as Volume), name);
  }

  /** Volume with the folder of a piece that arrives in parts. */
  async locateIncoming(name: string): Promise<Volume | undefined> {
    for (const { volume } of this.#members) if (await exists(volume.incomingDir(name))) return volume;
    return undefined;
  }

  /** Names of the pieces of which parts arrived, on the volumes that can be read. */
  async incomingNames(): Promise<string[]> {
    const names = new Set<string>();
    for (const member of this.#members) {
      if ((await this.#find(member)).fault !== undefined) continue;
      for (const name of await member.volume.incomingNames()) names.add(name);
    }
    return [...names].sort();
  }

  /** Names of all pieces on the volumes that can be read. */
  async names(): Promise<string[]> {
    const names = new Set<string>();
    for (const member of this.#members) {
      if ((await this.#find(member)).fault !== undefined) continue;
      for (const name of await member.volume.names().catch(() => [])) names.add(name);
    }
    return [...names].sort();
  }
}

function placeOn(volume: Volume, name: string): PlaceOfPiece {
  return { volume, dir: volume.pieceDir(name), files: volume.files(name) };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
