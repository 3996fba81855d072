/** Members of committee versions with their keys, from the code that holds them (R36). */
import type { Member } from "../../../protocol/committee.ts";
import { fromHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { call } from "../../../daemon/chain/calls.ts";
import type { Ask } from "../../../daemon/chain/calls.ts";
import { memberKeys } from "../../../daemon/chain/member-keys.ts";
import { blockTag } from "../../../daemon/chain/rpc.ts";
import { committeeAbi } from "./abi.ts";

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
    const keys = memberKeys(code, operators.length, holder === committee);
    const members = operators.map((operator, i) => ({ operator, blsKey: keys[i] as Hex }));
    this.#members.set(key, members);
    return members;
  }

  /** After a reorg another version may have the same number. */
  forget(): void {
    this.#operators.clear();
    this.#members.clear();
  }
}
