/**
 * An archive on a real chain: a group announced its manifest, four providers committed to its files, and keepers settled what they proved, over
 * 60 days of the chain's time.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalText } from "../../../archive/canonical.ts";
import { canonicalBytes, filesOf, manifestRoot } from "../../../archive/manifest.ts";
import type { Manifest } from "../../../archive/schema.ts";
import { KnownLists } from "../../../cli/archive/known-lists.ts";
import { planFund, planManifest } from "../../../client/money-plans.ts";
import { fromHex, toHex } from "../../../storage/core/bytes.ts";
import { makePieceList } from "../../../storage/core/piece-list.ts";
import { fundAccount, newGroup, payerScene } from "../payer-scene.ts";
import type { PaidGroup, PayerScene } from "../payer-scene.ts";

const day_s = 86_400;
const intervals = 10;
const intervalDays = 6;

export type ArchiveScene = PayerScene & {
  readonly group: PaidGroup;
  readonly root: string;
  /** The manifest as `archive.json`. */
  readonly manifestFile: string;
  /** Addresses: of `whole`, `killed`, `half` and `unlisted`. */
  readonly operators: Readonly<Record<ProviderName, string>>;
};

const names = ["whole", "killed", "half", "unlisted"] as const;
type ProviderName = (typeof names)[number];

/**
 * - `whole` proves all files for all the time
 * - `killed` has all files and proves nothing from the sixth interval on
 * - `half` has the first half of the files and proves it
 * - `unlisted` proves data of which nobody gives the list
 * @param manifest at least two files
 */
export async function archiveScene(manifest: Manifest): Promise<ArchiveScene> {
  const scene = await payerScene({ keepers: 4 });
  const { world, folder, payer, provider } = scene;
  const group = await newGroup(scene, { config: { keeperFee: 10n ** 12n } });
  const pieces = filesOf(manifest).map(({ root, bytes }) => ({ root: fromHex(root), size: bytes }));
  const all = makePieceList(pieces);
  const half = makePieceList(pieces.slice(0, Math.ceil(pieces.length / 2)));
  const unlisted = makePieceList([{ root: new Uint8Array(32).fill(7), size: 5_000 }]);
  const manifestFile = join(folder, "archive.json");
  const known = new KnownLists(`${manifestFile}.lists`);
  await known.put(all);
  await known.put(half);
  await mkdir(folder, { recursive: true });
  await writeFile(manifestFile, canonicalText({ manifest, signatures: [] }));
  const root = manifestRoot(canonicalBytes(manifest));
  await world.run(planManifest(payer, group.at, { root }));

  const lists = { whole: all, killed: all, half, unlisted };
  const operators = {} as Record<ProviderName, string>;
  for (const name of names) {
    const { root: listRoot, totalBytes: bytes } = lists[name];
    const { address } = await world.add(group.at, name, { listRoot: toHex(listRoot), bytes });
    operators[name] = address;
  }
  const stranger = await world.chain.account("a stranger who pays");
  await fundAccount(scene, stranger.address);
  for (const plan of await planFund(stranger, group.at, 25n * 10n ** 18n)) await world.run(plan, stranger);
  for (let i = 0; i < intervals; i++) {
    await provider.send("evm_increaseTime", [intervalDays * day_s]);
    await scene.mine(1);
    await world.certify(group.committee, [group], { proven: i < 5 ? {} : { 1: 0n } });
  }
  return { ...scene, group, root, manifestFile, operators };
}
