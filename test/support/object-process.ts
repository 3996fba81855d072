/**
 * Receives one piece in ranges on an object volume and says each range when it is durable. Arguments: folder of the store, bucket, key
 * and piece as JSON, and the folder of the same piece on a disk.
 */
import { rangeCount } from "../../storage/core/range.ts";
import { IncomingRanges, verifiedRange } from "../../storage/disk/incoming.ts";
import { filesIn } from "../../storage/disk/readable-piece.ts";
import { readRange } from "../../storage/disk/range-reader.ts";
import { PieceStore } from "../../storage/disk/store.ts";
import { objectVolume } from "../../storage/objects/setting.ts";

const [home = "", settings = "", source = ""] = process.argv.slice(2);
const { bucket, credentials, root, size } = JSON.parse(settings);
const volume = objectVolume({ maxBytes: 1e12, bucket: { ...bucket, credentials: async () => credentials } });
const store = await PieceStore.open(home, { volumes: [volume] });
const entry = { root: Uint8Array.from(Buffer.from(root, "hex")), size };
const incoming = await IncomingRanges.open(store, entry);
const count = rangeCount(size);
console.log(`ready ${Array.from({ length: count }, (_, i) => i).filter((i) => incoming.has(i)).length}`);
for (let range = 0; range < count; range++) {
  if (incoming.has(range)) continue;
  const proven = await readRange(filesIn(source), entry, range);
  const verified = proven && (await verifiedRange(entry, range, proven));
  if (verified === undefined) throw new Error(`range ${range} cannot be read`);
  await incoming.write(verified);
  console.log(`stored ${range}`);
}
await incoming.publish();
console.log("whole");
