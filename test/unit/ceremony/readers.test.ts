import { describe, expect, it } from "vitest";
import { ceremonyReaders } from "../../../ceremony/readers.ts";
import { sourceOf } from "../../support/ceremony/bytes-source.ts";
import { patched } from "../../support/ceremony/ptau-files.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Bytes of a challenge of BN254 with two powers. */
const challenge = new Uint8Array(384 * 2 + 128);

describe("the reader of a ceremony's file", () => {
  it.each([
    ["ptau and numbers", patched(new Uint8Array(100), 0, text("ptau")), ".ptau file of snarkjs"],
    ["zkey and numbers", patched(new Uint8Array(100), 0, text("zkey")), ".zkey file of snarkjs"],
    ["a transcript", text('{"transcripts":[]}'), "JSON document of the KZG ceremony"],
    ["a transcript with spaces", text('\n{\n  "g1_lagrange": []}'), "JSON document of the KZG ceremony"],
    // A challenge begins with a hash: any bytes.
    [
      "a challenge that begins with a brace",
      patched(challenge, 0, text("{")),
      "Powers of Tau challenge, response or transcript",
    ],
    [
      "a challenge that begins with a brace and a quote",
      patched(challenge, 0, text('{"')),
      "Powers of Tau challenge, response or transcript",
    ],
  ])("knows %s", async (_name, bytes, expected) => {
    const names: string[] = [];
    for (const reader of ceremonyReaders)
      if (await reader.recognises(sourceOf("file", bytes))) names.push(reader.name);
    expect(names[0]).toBe(expected);
  });

  it.each([
    ["nothing", new Uint8Array(0)],
    ["three bytes", text("pta")],
    ["a list", text("[]")],
    ["an empty object", text("{}")],
  ])("does not know %s", async (_name, bytes) => {
    for (const reader of ceremonyReaders)
      expect(await reader.recognises(sourceOf("file", bytes)), reader.name).toBe(false);
  });
});
