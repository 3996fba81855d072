/** A provider's daemon whose only volume is an object store: it stores by offer, serves, is killed, and outlives an outage of the store. */
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { runCli } from "../support/cli.ts";
import { seededBytes } from "../support/files.ts";
import { bucketName, objectStore, region } from "../support/object-store.ts";
import { runProvider } from "../support/provider-process.ts";
import { firstRange } from "../support/read-range.ts";
import { parcelOf } from "../support/store-payer.ts";
import { StoreScene } from "../support/store-scene.ts";

const limit_ms = 500_000;
let scene: StoreScene;

beforeAll(async () => {
  scene = await StoreScene.open();
}, limit_ms);

afterAll(() => scene.close());

it(
  "keeps what it acknowledged over a kill, serves it, and reports an outage without calling anything lost",
  async () => {
    const { gate } = await objectStore();
    const provider = await scene.provider("provider");
    const { configPath } = provider;
    const folder = dirname(configPath);
    await writeFile(join(folder, "s3.key"), `${gate.accessKeyId}\n${gate.secretAccessKey}\n`, {
      mode: 0o600,
    });
    const s3 = {
      endpoint: gate.endpoint,
      region,
      bucket: bucketName,
      pathStyle: true,
      credentials: "s3.key",
    };
    const settings = parse(await readFile(configPath, "utf8")) as object;
    await writeFile(configPath, stringify({ ...settings, volumes: [{ s3, maxBytes: 100_000_000 }] }), {
      mode: 0o600,
    });
    let running = await runProvider(provider);
    const group = await scene.group();
    // A piece of two parts, and one of one.
    const data = parcelOf([seededBytes(5 * rangeBytes + 1_000, 5), seededBytes(5_000, 6)]);
    const payer = await scene.payer(provider, () => running, group.address);
    expect(await payer.propose(data)).toMatchObject({ kind: "accepted" });
    await payer.sendList(data);
    for (const range of [0, 1, 4]) expect(await payer.put(data, 0, range)).toMatchObject({ kind: "stored" });
    running.process.child.kill("SIGKILL");
    await running.process.ended;
    running = await runProvider(provider);
    expect(await payer.have(data, 0)).toMatchObject({ stored: [true, true, false, false, true, false] });
    // Six ranges and the small piece, less the three that are there.
    expect(await payer.sendMissing(data)).toBe(4);
    await scene.use(group, await scene.consent(payer, data, group));
    const entries = [0, 1].map((piece) => data.list.pieces.at(piece) as PieceEntry);
    const wanted = await payer.permission(group.address, (await scene.chain.world.chain.block()) + 1_000);
    const read = (): Promise<string[]> =>
      Promise.all(entries.map((entry) => firstRange(payer, group.address, entry, wanted)));
    expect(await read()).toEqual(["range", "range"]);

    gate.fault = () => ({ kind: "cut" });
    expect(await read()).toEqual(["internal", "internal"]);
    await running.logged("volume-gone");
    const outage = await runCli(["provider", "status", "--config", configPath]);
    expect(`${outage.stdout}${outage.stderr}`).not.toMatch(/damaged since|ingest the file again/);
    expect(running.log()).not.toMatch(/piece-damaged|ingest the file again/);
    gate.fault = () => undefined;
    expect(await read()).toEqual(["range", "range"]);
    await running.logged("s3://pieces-of-a-test/whitepay/: ready");
  },
  limit_ms,
);
