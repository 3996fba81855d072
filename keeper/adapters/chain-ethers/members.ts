/** Members of committee versions with their keys, from the code that holds them (R36). */
import type { Member } from "../../../protocol/committee.ts";
import { fromHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { call, compressG2 } from "../../../daemon/chain/calls.ts";
import type { Ask } from "../../../daemon/chain/calls.ts";
import { blockTag } from "../../../daemon/chain/rpc.ts";
import { committeeAbi } from "./abi.ts";

/** A G2 key as stored: four coordinates of 48 bytes. EIP-2537 pads each to 64. */
const keyBytes = 192;
const coordinateBytes = 48;
const paddedBytes = 64;
/** The keys follow their negated sum, behind a clone's code (45 bytes) and arguments (96), or behind the STOP of a blob. */
const ownOffset = 45 + 96;
const blobOffset = 1;

type VersionAt = {
  readonly committee: Hex;
  readonly version: number;
  /** Changes whenever a key of the version does. */
  readonly mark: number;
  readonly block: number;
};

export class MemberReader {
  readonly #ask: Ask;
  /** A version keeps its operators, so its number identifies them. */
  readonly #operators = new Map<string, readonly Hex[]>();
  readonly #members = new Map<string, readonly Member[]>();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async operators(committee: Hex, version: number, block: number): Promise<readonly Hex[]> {
    const key = `${committee}/${version}`;
    const known = this.#operators.get(key);
    if (known !== undefined) return known;
    const [list] = await call(this.#ask, committeeAbi, committee, "operatorsOf", [version], block);
    const operators = [...(list as Iterable<string>)].map((operator) => operator.toLowerCase() as Hex);
    this.#operators.set(key, operators);
    return operators;
  }

  async members({ committee, version, mark, block }: VersionAt): Promise<readonly Member[]> {
    const key = `${committee}/${version}/${mark}`;
    const known = this.#members.get(key);
    if (known !== undefined) return known;
    const operators = await this.operators(committee, version, block);
    const [info] = await call(this.#ask, committeeAbi, committee, "versionInfo", [version], block);
    const blob = String(info.keysBlob).toLowerCase() as Hex;
    const holder = BigInt(blob) === 0n ? committee : blob;
    const code = fromHex((await this.#ask("eth_getCode", [holder, blockTag(block)])) as Hex);
    const start = holder === committee ? ownOffset : blobOffset;
    const needed = start + keyBytes * (operators.length + 1);
    if (code.length < needed)
      throw new Error(
        `keys of ${committee}, version ${version}: expected at least ${needed} bytes of code at ${holder}, actual ${code.length}`,
      );
    const members = operators.map((operator, i) => {
      const from = start + keyBytes * (i + 1);
      return { operator, blsKey: compressG2(padded(code.subarray(from, from + keyBytes))) };
    });
    this.#members.set(key, members);
    return members;
  }

  /** After a reorg another version may have the same number. */
  forget(): void {
    this.#operators.clear();
    this.#members.clear();
  }
}

function padded(stored: Uint8Array): Uint8Array {
  const key = new Uint8Array((keyBytes / coordinateBytes) * paddedBytes);
  for (let i = 0; i < keyBytes / coordinateBytes; i++) {
    const coordinate = stored.subarray(i * coordinateBytes, (i + 1) * coordinateBytes);
    key.set(coordinate, (i + 1) * paddedBytes - coordinateBytes);
  }
  return key;
}
