/** The BLS keys of a committee's members, from the code that holds them (R36): independent of the contracts' views. */
import { dataSlice, type Provider } from "ethers";
import { counted } from "../protocol/counted.ts";
import { inputError } from "./errors.ts";

/** A G2 key as stored: four coordinates of 48 bytes. EIP-2537 pads each to 64. */
const keyBytes = 192;
const coordinateBytes = 48;
const padding = "00".repeat(16);
/** A clone's code (45 bytes) and its arguments (96), or the STOP of a blob; then the negated sum of all keys, then the keys. */
const ownOffset = 45 + 96;
const blobOffset = 1;

/** A stored key in the encoding of EIP-2537, 256 bytes. */
function padded(stored: string): string {
  const digits = stored.slice(2);
  const coordinates = Array.from({ length: keyBytes / coordinateBytes }, (_, i) =>
    digits.slice(2 * i * coordinateBytes, 2 * (i + 1) * coordinateBytes),
  );
  return `0x${coordinates.map((coordinate) => padding + coordinate).join("")}`;
}

export type KeyHolder = {
  readonly committee: string;
  /** The contract with the keys: the committee itself, or a blob. */
  readonly holder: string;
  /** n */
  readonly size: number;
};

/**
 * The members' keys in contract order, 256 bytes each.
 * @throws WhitePayError `input` if the holder's code is too short for so many keys
 */
export async function memberKeys(
  provider: Provider,
  { committee, holder, size }: KeyHolder,
): Promise<string[]> {
  const code = await provider.getCode(holder);
  const start = holder.toLowerCase() === committee.toLowerCase() ? ownOffset : blobOffset;
  const needed = start + keyBytes * (size + 1);
  if (code.length < 2 + 2 * needed) {
    throw inputError(`${holder} does not hold the keys of ${counted(size, "member")}`, {
      expected: `at least ${needed} bytes of code`,
      actual: `${(code.length - 2) / 2}`,
    });
  }
  return Array.from({ length: size }, (_, i) => {
    const from = start + keyBytes * (i + 1);
    return padded(dataSlice(code, from, from + keyBytes));
  });
}
