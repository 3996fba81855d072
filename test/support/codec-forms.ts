/** Properties of every codec: one encoding, and decoding never throws (D3). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equalBytes } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import type { Result } from "../../storage/core/result.ts";

const codes: readonly DecodeCode[] = ["too-large", "truncated", "trailing", "version", "range", "order"];

/** A codec: random encoded values, decoder, encoder. */
export type CodecForm = {
  readonly name: string;
  readonly encoded: fc.Arbitrary<Uint8Array>;
  readonly decode: (bytes: Uint8Array) => Result<unknown, DecodeCode>;
  readonly encodeAgain: (value: never) => Uint8Array;
};

/** Bytes that are cut, lengthened or overwritten, as a faulty peer may send them. */
const mutations = fc.record({
  cut: fc.option(fc.nat(), { nil: undefined }),
  tail: fc.uint8Array({ maxLength: 4 }),
  writes: fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255))), {
    maxLength: 6,
  }),
});

function mutated(
  original: Uint8Array,
  change: { cut?: number; tail: Uint8Array; writes: [number, number][] },
) {
  const end = change.cut === undefined ? original.length : change.cut % (original.length + 1);
  const out = new Uint8Array([...original.subarray(0, end), ...change.tail]);
  for (const [at, value] of change.writes) if (out.length > 0) out[at % out.length] = value;
  return out;
}

/** True if the bytes are refused with a known code, or equal the encoding of the decoded value. */
function isRefusedOrCanonical(form: CodecForm, input: Uint8Array): boolean {
  const decoded = form.decode(input);
  if (!decoded.ok) return codes.includes(decoded.code) && decoded.detail.length > 0;
  return equalBytes(form.encodeAgain(decoded.value as never), input);
}

/** Declares the tests of these codecs. */
export function checkForms(forms: readonly CodecForm[]): void {
  describe.each(forms)("a $name", (form) => {
    it("decodes to the encoded value, byte for byte", () => {
      fc.assert(
        fc.property(form.encoded, (input) => {
          const decoded = form.decode(input);
          return decoded.ok && equalBytes(form.encodeAgain(decoded.value as never), input);
        }),
        { seed: 1, numRuns: 300 },
      );
      expect(form.decode(new Uint8Array())).toMatchObject({ ok: false, code: "truncated" });
    });

    it("is refused with a code after mutation, or is the canonical encoding of another message", () => {
      let refused = 0;
      fc.assert(
        fc.property(form.encoded, mutations, (original, { cut, tail, writes }) => {
          const input = mutated(original, { ...(cut !== undefined && { cut }), tail, writes });
          if (!form.decode(input).ok) refused++;
          return isRefusedOrCanonical(form, input);
        }),
        { seed: 2, numRuns: 1_500 },
      );
      expect(refused).toBeGreaterThan(300);
    });

    it("is refused with a code after a change of any one byte, or is the canonical encoding of another message", () => {
      // Random changes rarely hit a flag, which is one byte of thousands.
      const wrong = fc.sample(form.encoded, { seed: 3, numRuns: 60 }).flatMap((original) => {
        const input = Uint8Array.from(original);
        return Array.from(original, (before, place) => {
          const fault = [0, 2, 0xff].find((value) => {
            input[place] = value;
            return !isRefusedOrCanonical(form, input);
          });
          input[place] = before;
          return fault === undefined ? [] : [`byte ${place}: ${before} → ${fault}`];
        }).flat();
      });
      expect(wrong).toEqual([]);
    });

    it("never throws on random bytes, with and without a valid prefix", () => {
      const random = fc.uint8Array({ maxLength: 600 });
      const started = fc.tuple(fc.nat(8), random).map(([kind, rest]) => new Uint8Array([1, kind, ...rest]));
      expect(() =>
        fc.assert(
          fc.property(fc.oneof(random, started), (input) => isRefusedOrCanonical(form, input)),
          { seed: 3, numRuns: 1_500 },
        ),
      ).not.toThrow();
    });
  });
}
