import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { iterateSha256 } from "../../../../ceremony/beacon/iterated-hash.ts";

const seed = new TextEncoder().encode("a value that nobody chose");

function expected(times: number): Buffer {
  let value = Buffer.from(seed);
  for (let i = 0; i < times; i++) value = createHash("sha256").update(value).digest();
  return value;
}

describe("an iterated hash", () => {
  it.each([0, 1, 10, 17])("is SHA-256 applied 2^%i times", async (exponent) => {
    expect(Buffer.from(await iterateSha256(seed, exponent))).toEqual(expected(2 ** exponent));
  });

  it("reports its progress in steps of 2^16 hashes, and waits for the caller", async () => {
    const seen: [bigint, bigint][] = [];
    let isFree = true;
    await iterateSha256(seed, 18, {
      onProgress: async (done, total) => {
        expect(isFree).toBe(true);
        isFree = false;
        await new Promise((resolve) => setImmediate(resolve));
        isFree = true;
        seen.push([done, total]);
      },
    });
    expect(seen).toEqual([1n, 2n, 3n, 4n].map((step) => [step * 65_536n, 262_144n]));
  });

  it("of fewer hashes than a step, or of the most that a file can state, has the right progress", async () => {
    const seen: [bigint, bigint][] = [];
    await iterateSha256(seed, 3, { onProgress: (...own) => void seen.push(own) });
    expect(seen).toEqual([[8n, 8n]]);
    const stop = (done: bigint, total: bigint): never => {
      throw new Error(`stopped at ${done} of ${total}`);
    };
    await expect(iterateSha256(seed, 63, { onProgress: stop })).rejects.toThrow(
      `stopped at 65536 of ${2n ** 63n}`,
    );
  });

  it.each([-1, 64, 1.5, Number.NaN])("refuses the exponent %d", async (exponent) => {
    await expect(iterateSha256(seed, exponent)).rejects.toThrow(
      `exponent of a beacon: expected 0 to 63, actual ${exponent}`,
    );
  });
});
