/** Attestation documents of Nitro enclaves under a root of the test. */
import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { maxDocumentBytes, NitroDocumentError } from "../../../../cli/attestations/nitro-document.ts";
import { awsNitroRoot, verifyNitro } from "../../../../cli/attestations/nitro.ts";
import type { NitroExpectation, NitroVerdict } from "../../../../cli/attestations/nitro.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import {
  cbor,
  enclaveImage,
  fieldsOf,
  makeAuthority,
  signedDocument,
  type CborValue,
  type NitroAuthority,
} from "../../../support/attestations/nitro.ts";

const output = new Uint8Array(createHash("blake2b512").update("response").digest());
let authority: NitroAuthority;
let expected: NitroExpectation;

beforeAll(async () => {
  authority = await makeAuthority();
  expected = {
    root: authority.root,
    output,
    pcrs: new Map([[0, `0x${enclaveImage.toString("hex")}` as const]]),
  };
});

const document = (change: Record<string, CborValue> = {}): Uint8Array =>
  signedDocument(new Map([...fieldsOf(authority, output), ...Object.entries(change)]), authority.leafKey);

const failed = ({ checks }: NitroVerdict): string[] =>
  Object.entries(checks).flatMap(([name, holds]) => (holds ? [] : [name]));

describe("a document of a Nitro enclave", () => {
  it("holds with the root, the registers and the output that are expected", () => {
    const verdict = verifyNitro(document(), expected);
    expect(verdict.problems).toEqual([]);
    expect(verdict).toMatchObject({ ok: true, moduleId: "i-0123456789abcdef0-enc0123456789abcdef" });
    expect(verdict.pcrs).toHaveLength(3);
    expect(verdict.notChecked).toEqual(["whether a certificate was revoked"]);
  });

  it("holds with the tag of COSE_Sign1, too", () => {
    const bytes = signedDocument(fieldsOf(authority, output), authority.leafKey, { tag: true });
    expect(verifyNitro(bytes, expected).ok).toBe(true);
  });

  it("says that the program is not known if no register is expected", () => {
    const { ok, notChecked } = verifyNitro(document(), { ...expected, pcrs: new Map() });
    expect(ok).toBe(true);
    expect(notChecked[0]).toMatch(/which program ran/);
  });

  it("does not hold for another root than the pinned one, as AWS's", () => {
    const verdict = verifyNitro(document(), { ...expected, root: awsNitroRoot });
    expect(failed(verdict)).toEqual(["root"]);
    expect(verdict.problems[0]).toContain(`expected SHA-256 ${awsNitroRoot}, actual ${authority.root}`);
  });

  it("does not hold for another output", () => {
    const verdict = verifyNitro(document(), { ...expected, output: output.map((byte) => byte ^ 1) });
    expect(failed(verdict)).toEqual(["output"]);
  });

  it.each([
    ["no nonce", null],
    ["a nonce that begins with the hash", Buffer.concat([output, Buffer.from([0])])],
    ["an empty nonce", new Uint8Array()],
  ])("does not hold with %s", (_name, nonce) => {
    expect(failed(verifyNitro(document({ nonce }), expected))).toEqual(["output"]);
  });

  it("does not hold for another program, a missing register, or debug mode", () => {
    const pcrs = (image: Uint8Array): CborValue => new Map<CborValue, CborValue>([[0, image]]);
    const other = verifyNitro(document({ pcrs: pcrs(Buffer.alloc(48, 9)) }), expected);
    const missing = verifyNitro(document(), {
      ...expected,
      pcrs: new Map<number, Hex>([[8, `0x${"11".repeat(48)}`]]),
    });
    const debug = verifyNitro(document({ pcrs: pcrs(Buffer.alloc(48)) }), { ...expected, pcrs: new Map() });
    const without = verifyNitro(document({ pcrs: new Map([[1, enclaveImage]]) }), {
      ...expected,
      pcrs: new Map(),
    });
    expect([other, missing, debug, without].map(failed)).toEqual(
      Array.from({ length: 4 }, () => ["registers"]),
    );
    expect(missing.problems[0]).toBe(`register 8: expected 0x${"11".repeat(48)}, actual none`);
    expect(debug.problems[0]).toMatch(/debug mode/);
  });

  it("does not hold before or after the certificates are valid", () => {
    const day_ms = 86_400_000;
    const verdicts = [-2 * day_ms, 2 * day_ms].map((away_ms) =>
      verifyNitro(document({ timestamp: Date.now() + away_ms }), expected),
    );
    expect(verdicts.map(failed)).toEqual([["certificates"], ["certificates"]]);
    expect(verdicts[0]?.problems[0]).toMatch(/certificate 1 of 4: expected the document's time/);
  });

  it("does not hold if a byte of the payload changes, or another key signs", async () => {
    const bytes = document();
    const place = Buffer.from(bytes).indexOf("i-0123");
    const changed = Uint8Array.from(bytes, (byte, i) => (i === place ? byte ^ 1 : byte));
    const other = await makeAuthority();
    const foreign = signedDocument(fieldsOf(authority, output), other.leafKey);
    expect(failed(verifyNitro(changed, expected))).toEqual(["signature"]);
    expect(failed(verifyNitro(foreign, expected))).toEqual(["signature"]);
  });

  it("does not hold with a chain that is broken, in another order, or does not end at the enclave", async () => {
    const other = await makeAuthority();
    const [root, region, zone] = authority.bundle as [Uint8Array, Uint8Array, Uint8Array];
    const bundles: CborValue[] = [
      [root, region],
      [root, zone, region],
      [root, region, other.bundle[2] as Uint8Array],
      [root],
    ];
    for (const cabundle of bundles)
      expect(failed(verifyNitro(document({ cabundle }), expected))).toEqual(["certificates"]);
  });

  it.each([true, false])(
    "does not hold with an attacker's chain below the root (key ids: %s)",
    async (hasKeyIds) => {
      const [own, other] = [await makeAuthority({ hasKeyIds }), await makeAuthority({ hasKeyIds })];
      const cabundle = [own.bundle[0] as Uint8Array, ...other.bundle.slice(1)];
      const fields = new Map<string, CborValue>([...fieldsOf(other, output), ["cabundle", cabundle]]);
      const verdict = verifyNitro(signedDocument(fields, other.leafKey), { ...expected, root: own.root });
      expect(failed(verdict)).toEqual(["certificates"]);
      expect(verdict.problems).toEqual(["certificate 2 of 4 is not signed by the one before it"]);
    },
  );

  it("does not hold below a certificate that may not sign, for one that may, and on another curve", async () => {
    const wrong = [{ middleIsAuthority: false }, { leafIsAuthority: true }, { leafCurve: "brainpoolP384r1" }];
    const found = await Promise.all(
      wrong.map(async (options) => {
        const own = await makeAuthority(options);
        const bytes = signedDocument(fieldsOf(own, output), own.leafKey);
        return failed(verifyNitro(bytes, { ...expected, root: own.root }));
      }),
    );
    expect(found).toEqual([["certificates"], ["certificates"], ["signature"]]);
  });
});

describe("bytes that are no document of a Nitro enclave", () => {
  const header = cbor(new Map<CborValue, CborValue>([[1, -35]]));
  const empty = new Map<CborValue, CborValue>();
  const cases: [string, () => Uint8Array, RegExp][] = [
    ["nothing", () => new Uint8Array(), /expected CBOR/],
    ["text", () => new TextEncoder().encode("-----BEGIN"), /expected/],
    ["a number", () => cbor(7), /a list of 4 items, actual no list/],
    ["three items", () => cbor([header, empty, header]), /actual 3/],
    [
      "text for the payload",
      () => cbor([header, empty, "x", Buffer.alloc(96)]),
      /payload: expected a byte string/,
    ],
    [
      "another algorithm",
      () => signedDocument(fieldsOf(authority, output), authority.leafKey, { algorithm: -7 }),
      /ES384 \(-35\), actual -7/,
    ],
    [
      "a short signature",
      () => cbor([header, empty, cbor(new Map()), Buffer.alloc(95)]),
      /expected 96 bytes, actual 95/,
    ],
    ["a list as payload", () => cbor([header, empty, cbor([]), Buffer.alloc(96)]), /payload: expected a map/],
    ["no field", () => cbor([header, empty, cbor(new Map()), Buffer.alloc(96)]), /module_id/],
    [
      "a register of 31 bytes",
      () => document({ pcrs: new Map([[0, Buffer.alloc(31)]]) }),
      /pcrs.*32 to 64 bytes/,
    ],
    ["register 32", () => document({ pcrs: new Map([[32, Buffer.alloc(48)]]) }), /pcrs/],
    ["another digest", () => document({ digest: "SHA256" }), /digest/],
    ["a time beyond all dates", () => document({ timestamp: 8.64e15 + 1 }), /timestamp/],
    ["no certificate above", () => document({ cabundle: [] }), /cabundle/],
    ["a long nonce", () => document({ nonce: Buffer.alloc(513) }), /nonce: expected 0 to 512 bytes/],
    ["the same field twice", () => twice(), /repeat map key/],
    [
      "one byte more than the module sends",
      () => new Uint8Array(maxDocumentBytes + 1),
      /at most 12288 bytes, actual 12289/,
    ],
    ["bytes after the end", () => Buffer.concat([document(), Buffer.from([0])]), /expected CBOR/],
  ];
  it.each(cases)("are refused: %s", (_name, bytes, message) => {
    expect(() => verifyNitro(bytes(), expected)).toThrow(NitroDocumentError);
    expect(() => verifyNitro(bytes(), expected)).toThrow(message);
  });

  it("are refused at every length below the whole", () => {
    const whole = document();
    const accepted = Array.from({ length: whole.length }, (_, length) => length).filter((length) => {
      try {
        verifyNitro(whole.subarray(0, length), expected);
        return true;
      } catch (error) {
        return !(error instanceof NitroDocumentError);
      }
    });
    expect(accepted).toEqual([]);
  });

  it("give a verdict, not a crash, for certificates that are none", () => {
    const verdict = verifyNitro(document({ certificate: Buffer.from("x") }), expected);
    expect(failed(verdict)).toEqual(["signature", "certificates", "root"]);
    expect(verdict.problems[0]).toBe("the enclave's certificate is no X.509 certificate");
  });

  /** A map of two entries with one key: no Map of this language has that. */
  function twice(): Uint8Array {
    const entry = Buffer.concat([cbor("digest"), cbor("SHA384")]);
    const payload = Buffer.concat([Buffer.from([0xa2]), entry, entry]);
    return cbor([header, empty, payload, Buffer.alloc(96)]);
  }
});
