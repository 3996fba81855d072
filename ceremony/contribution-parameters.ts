/** The optional fields at a contribution's end, the same in `.ptau` and `.zkey` files: name, and a beacon's value and exponent. */
import { maxExponent } from "./beacon/iterated-hash.ts";
import type { SectionReader } from "./section-reader.ts";

export type BeaconParameters = {
  /** 1 to 255 bytes. */
  readonly value: Uint8Array;
  /** The value was hashed 2^exponent times. */
  readonly exponent: number;
};

export type ContributionParameters = {
  readonly name: string | undefined;
  /** Undefined for a contribution by a person. */
  readonly beacon: BeaconParameters | undefined;
};

/** Numbers of the fields; they occur in this order. */
const ids = { name: 1, exponent: 2, value: 3 } as const;

/** Type, length, and three fields of which two have up to 255 bytes. */
export const maxParameterBytes = 4 + 4 + 2 * (2 + 255) + 2;

type Fields = { name?: string; exponent?: number; value?: Uint8Array };

function readField(reader: SectionReader, id: number, fields: Fields, what: string): void {
  if (id === ids.exponent) {
    fields.exponent = reader.u8(`${what}: exponent of the beacon`);
    if (fields.exponent > maxExponent)
      throw reader.refuse(`${what}: exponent of the beacon`, `at most ${maxExponent}`, `${fields.exponent}`);
    return;
  }
  const bytes = reader.bytes(reader.u8(`${what}: length of field ${id}`), `${what}: field ${id}`);
  if (id === ids.name) fields.name = new TextDecoder().decode(bytes).replace(/\p{Cc}/gu, "\ufffd");
  else fields.value = bytes;
}

function readFields(reader: SectionReader, length: number, what: string): Fields {
  if (length > reader.remaining)
    throw reader.refuse(`${what}: length of the fields`, `at most ${reader.remaining} bytes`, `${length}`);
  const fields: Fields = {};
  const end = reader.remaining - length;
  for (let last = 0; reader.remaining > end;) {
    const id = reader.u8(`${what}: number of a field`);
    if (id <= last || id > ids.value)
      throw reader.refuse(`${what}: number of a field`, `${last + 1} to ${ids.value}, in order`, `${id}`);
    last = id;
    readField(reader, id, fields, what);
  }
  if (reader.remaining !== end)
    throw reader.refuse(`${what}: fields`, `${length} bytes`, `${length + end - reader.remaining}`);
  return fields;
}

/**
 * Reads type and fields.
 * @param what the contribution, for messages
 * @throws CeremonyFileError if a field is unknown, out of order or not that of the type
 */
export function readParameters(reader: SectionReader, what: string): ContributionParameters {
  const type = reader.u32(`${what}: type`);
  if (type > 1) throw reader.refuse(`${what}: type`, "0 (a contribution) or 1 (a beacon)", `${type}`);
  const { name, exponent, value } = readFields(reader, reader.u32(`${what}: length of the fields`), what);
  if (type === 0 && (exponent !== undefined || value !== undefined))
    throw reader.refuse(
      `${what}: fields`,
      "no beacon in a contribution of type 0",
      "a beacon's exponent or value",
    );
  if (type === 0) return { name, beacon: undefined };
  if (exponent === undefined || value === undefined || value.length === 0)
    throw reader.refuse(`${what}: fields`, "exponent and value of the beacon", "a beacon without them");
  return { name, beacon: { value, exponent } };
}
