import { expect, it } from "vitest";
import { canonicalBytes, decodeManifest, filesOf, readManifest } from "../../../archive/manifest.ts";
import { maxFiles, maxManifestBytes } from "../../../archive/schema.ts";
import { fileNamed, manifestOf } from "../../support/archive/manifests.ts";

it("a manifest with the most files, long names and URLs is within the limit of bytes, and is read", () => {
  const long = "x".repeat(200);
  const files = Array.from({ length: maxFiles }, (_, i) =>
    fileNamed(`collection/${long}_${i}`, { sources: [{ url: `https://example.org/${long}/${i}` }] }),
  );
  const bytes = canonicalBytes(manifestOf(files));
  expect(bytes.length).toBeGreaterThan(0.7 * maxManifestBytes);
  expect(bytes.length).toBeLessThan(maxManifestBytes);
  const read = decodeManifest(bytes);
  expect(read.ok && filesOf(read.value)).toEqual(files);
  const more = files.map((one) => ({
    ...one,
    sources: [...one.sources, { url: `https://${long}.example` }],
  }));
  expect(readManifest(manifestOf(more))).toMatchObject({ ok: false, code: "too-large" });
});
