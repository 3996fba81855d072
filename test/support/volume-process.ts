/**
 * A process that works on a store's volumes until it is killed: `volume-process.ts DIR FILES…`. It moves all pieces between the volumes
 * DIR/a and DIR/b, makes a file a copy and a piece where it lies by turns, and deletes and adds another. Prints a line after each step.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../storage/core/bytes.ts";
import { PieceStore } from "../../storage/disk/store.ts";
import { drainVolume } from "../../storage/disk/volumes/drain.ts";

const [dir = "", kept = "", turned = "", deleted = ""] = process.argv.slice(2);
const paths = [join(dir, "a"), join(dir, "b")];
const store = await PieceStore.open(join(dir, "store"), { volumes: paths.map((path) => ({ path })) });
const said = (step: string): number => writeSync(1, `${step}\n`);
said("ready");
for (let round = 0; ; round++) {
  const [from, to] = paths.map((path) => store.volumes.at(path)!);
  paths.reverse();
  await store.volumes.setDraining(to!, false);
  const { left } = await drainVolume(store, from!);
  if (left.length > 0) throw new Error(JSON.stringify(left));
  said("moved");
  await store.ingest(kept);
  await (round % 2 === 0 ? store.ingest(turned) : store.ingestInPlace(turned));
  said("turned");
  await store.deletePiece(toHex((await store.ingest(deleted)).root));
  said("deleted");
}
