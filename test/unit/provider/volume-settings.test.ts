/** Settings of volumes: folders and object stores (D1). */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ConfigError } from "../../../daemon/settings/layers.ts";
import { resolveVolumes, volumeSettings, volumesSchema } from "../../../provider/volume-settings.ts";
import { PieceStore } from "../../../storage/disk/store.ts";
import { temporaryFolder } from "../../support/files.ts";

const s3 = { bucket: "pieces", endpoint: "http://127.0.0.1:9" };
const parse = (volumes: unknown) =>
  resolveVolumes(volumesSchema.parse(volumes), "/config", "/config/provider.yaml");

it("names an object store by bucket and prefix, and makes paths absolute", () => {
  const volumes = parse([
    { path: "disk" },
    { s3: { ...s3, credentials: "key" }, maxBytes: 5, scrubBytes: 0 },
    { s3: { ...s3, prefix: "other/" }, maxBytes: 5 },
  ]);
  expect(volumes.map(({ path }) => path)).toEqual([
    "/config/disk",
    "s3://pieces/whitepay/",
    "s3://pieces/other/",
  ]);
  expect(volumes[1]?.s3?.credentials).toBe("/config/key");
});

it.each([
  [[{}], /expected either `path` or `s3`/],
  [[{ path: "a", s3, maxBytes: 5 }], /expected either `path` or `s3`/],
  [[{ s3 }], /maxBytes: missing; an object store does not say how much room it has/],
  [[{ path: "a", scrubBytes: 1 }], /scrubBytes, takeOver: expected with `s3` only/],
  [[{ s3: { ...s3, prefix: "no-slash" }, maxBytes: 5 }], /expected names that each end with a slash/],
  [[{ s3: { ...s3, bucket: "No" }, maxBytes: 5 }], /expected 3 to 63 of a-z/],
  [[{ s3: { ...s3, endpoint: "ftp://a" }, maxBytes: 5 }], /endpoint/],
])("refuses %j", (volumes, reason) => {
  expect(() => parse(volumes)).toThrow(reason);
});

it("bounds what the scrub reads of an object store, also by 0 bytes", async () => {
  const passes = async (changes: { readonly scrubBytes?: number }): Promise<number | undefined> => {
    const [setting] = volumeSettings(parse([{ s3, maxBytes: 5, ...changes }]));
    return setting?.remote?.open(await temporaryFolder()).passesOfScrub();
  };
  expect(await passes({})).toBe(1);
  expect(await passes({ scrubBytes: 0 })).toBe(Infinity);
});

it("refuses the same bucket and prefix twice", () => {
  const twice = [
    { s3, maxBytes: 5 },
    { s3, maxBytes: 6 },
  ];
  expect(() => parse(twice)).toThrow(ConfigError);
});

it("reports a key file that others may read, that has no secret, or that is missing", async () => {
  const dir = await temporaryFolder();
  const file = join(dir, "key");
  let stores = 0;
  const look = async () => {
    const volumes = volumeSettings(parse([{ s3: { ...s3, credentials: file }, maxBytes: 5 }]));
    const store = await PieceStore.open(join(dir, `store-${stores++}`), { volumes });
    return (await store.volumes.look())[0];
  };
  expect(await look()).toMatchObject({
    condition: "gone",
    reason: expect.stringMatching(/no key: .*key: cannot be read/) as unknown,
  });
  await writeFile(file, "id\nsecret\n", { mode: 0o644 });
  expect(await look()).toMatchObject({
    reason: expect.stringMatching(/no key: .*other users may access/) as unknown,
  });
  await writeFile(file, "id\n");
  await chmod(file, 0o600);
  expect(await look()).toMatchObject({
    reason: expect.stringMatching(
      /no key: .*expected the id of the access key in line 1 and its secret in line 2/,
    ) as unknown,
  });
});
