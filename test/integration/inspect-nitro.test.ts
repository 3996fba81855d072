/** `whitepay inspect nitro` as its users run it. */
import { createHash } from "node:crypto";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { maxDocumentBytes } from "../../cli/attestations/nitro-document.ts";
import { enclaveImage, fieldsOf, makeAuthority, signedDocument } from "../support/attestations/nitro.ts";
import { runCli } from "../support/cli.ts";
import { seededBytes } from "../support/files.ts";

const image = enclaveImage.toString("hex");
let folder: string;
let document: string;
let text: string;
let response: string;
let other: string;
let root: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nitro-"));
  [document, text, response, other] = ["document", "document.txt", "response", "other"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  const bytes = seededBytes(200_000, 1);
  await writeFile(response, bytes);
  await writeFile(other, seededBytes(200_000, 2));
  const authority = await makeAuthority();
  root = authority.root;
  const output = createHash("blake2b512").update(bytes).digest();
  const signed = signedDocument(fieldsOf(authority, output), authority.leafKey);
  await writeFile(document, signed);
  await writeFile(
    text,
    `${Buffer.from(signed)
      .toString("base64")
      .replaceAll(/(.{76})/g, "$1\n")}\n`,
  );
});
afterAll(() => rm(folder, { recursive: true }));

describe("inspect nitro", () => {
  it("verifies a document as bytes and as base64, about the file that the enclave made", async () => {
    const flags = ["--output", response, "--root", root, "--register", `0=${image}`];
    const [bytes, base64] = [
      await runCli(["inspect", "nitro", document, ...flags]),
      await runCli(["inspect", "nitro", text, ...flags, "--json"]),
    ];
    expect(bytes).toMatchObject({ code: 0, stderr: "" });
    expect(bytes.stdout).toMatch(/^enclave "i-0123.*"/);
    expect(bytes.stdout).toContain(`register 0  0x${image}`);
    expect(bytes.stdout).toMatch(/all that was checked holds\n$/);
    expect(JSON.parse(base64.stdout)).toMatchObject({ ok: true, problems: [] });
  });

  it("has exit code 1 for another file and for AWS's root, with expected and actual values", async () => {
    const { code, stdout } = await runCli(["inspect", "nitro", document, "--output", other]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/does NOT hold: root certificate: expected SHA-256 0x641a0321/);
    expect(stdout).toMatch(/does NOT hold: nonce: expected the output's BLAKE2b-512 0x/);
    expect(stdout).toMatch(/the attestation is NOT right\n$/);
  });

  it("has exit code 2 for what is no document", async () => {
    const huge = `${document}.huge`;
    await writeFile(huge, "");
    await truncate(huge, 2 * maxDocumentBytes + 1);
    const found = await Promise.all(
      [
        [response, "--output", response],
        [huge, "--output", response],
        [`${document}.none`, "--output", response],
        [document, "--output", `${response}.none`],
        [document, "--output", response, "--register", `32=${image}`],
        [document, "--output", response, "--register", "0=12"],
      ].map((args) => runCli(["inspect", "nitro", ...args])),
    );
    expect(found.map(({ code }) => code)).toEqual(found.map(() => 2));
    expect(found.map(({ stderr }) => stderr)).toEqual([
      expect.stringContaining("is too large"),
      expect.stringContaining(`at most ${2 * maxDocumentBytes} bytes`),
      expect.stringContaining("there is no such file or folder"),
      expect.stringContaining("the file that the enclave made"),
      expect.stringContaining("the index from 0 to 31"),
      expect.stringContaining("<index>=<96 hex digits>"),
    ]);
  });
});
