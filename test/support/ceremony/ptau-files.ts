/** `.ptau` files that snarkjs makes, once for a test file, and changes to their bytes. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes } from "../../../storage/core/bytes.ts";
import { snarkjs } from "./snarkjs.ts";

export const beaconValue = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";

export type PtauFiles = {
  /** Two contributions and a beacon; no points for phase 2. */
  readonly whole: Uint8Array;
  /** Two contributions. */
  readonly people: Uint8Array;
  /** The powers without a contribution. */
  readonly empty: Uint8Array;
  /** `whole` with points for phase 2. */
  readonly prepared: Uint8Array;
  /** The response hash of each contribution of `whole`, as snarkjs prints it, in hex. */
  readonly hashes: readonly string[];
};

/** The hash that a command prints in four rows after a title. */
export function printedHash(output: string, title: string): string {
  const rows = output.slice(output.indexOf(title) + title.length);
  const words = rows.match(/\b[0-9a-f]{8}\b/g) ?? [];
  return words.slice(0, 16).join("");
}

/** @param curve in snarkjs' words: bn128 or bls12-381 @param prepare for phase 2, which takes long; without it `prepared` is `whole` */
export async function makePtauFiles(
  curve: "bn128" | "bls12-381",
  power: number,
  { prepare = true }: { readonly prepare?: boolean } = {},
): Promise<PtauFiles> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-ptau-"));
  try {
    const title = "Contribution Response Hash imported";
    await snarkjs(folder, "powersoftau", "new", curve, String(power), "0.ptau");
    const outputs = [
      await snarkjs(folder, "powersoftau", "contribute", "0.ptau", "1.ptau", "--name=Alice", "-e=first text"),
      await snarkjs(folder, "powersoftau", "contribute", "1.ptau", "2.ptau", "--name=Bob", "-e=second text"),
      await snarkjs(folder, "powersoftau", "beacon", "2.ptau", "3.ptau", beaconValue, "10", "-n=Beacon"),
    ];
    if (prepare) await snarkjs(folder, "powersoftau", "prepare", "phase2", "3.ptau", "4.ptau");
    const read = (name: string): Promise<Buffer> => readFile(join(folder, name));
    return {
      whole: await read("3.ptau"),
      people: await read("2.ptau"),
      prepared: await read(prepare ? "4.ptau" : "3.ptau"),
      empty: await read("0.ptau"),
      hashes: outputs.map((output) => printedHash(output, title)),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The parts of a file, read without the reader under test. */
export type RawSection = { readonly id: number; readonly bytes: Uint8Array };

const u32 = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
};

const u64 = (value: bigint): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(value);
  return out;
};

export function splitFile(file: Uint8Array): RawSection[] {
  const buffer = Buffer.from(file);
  const out: RawSection[] = [];
  for (let at = 12; at < buffer.length;) {
    const bytes = Number(buffer.readBigUInt64LE(at + 4));
    out.push({
      id: buffer.readUInt32LE(at),
      bytes: Uint8Array.from(buffer.subarray(at + 12, at + 12 + bytes)),
    });
    at += 12 + bytes;
  }
  return out;
}

export type JoinOptions = { readonly magic?: string; readonly version?: number; readonly count?: number };

export function joinFile(
  sections: readonly RawSection[],
  { magic = "ptau", version = 1, count = sections.length }: JoinOptions = {},
): Uint8Array {
  return concatBytes(
    Buffer.from(magic),
    u32(version),
    u32(count),
    ...sections.flatMap(({ id, bytes }) => [u32(id), u64(BigInt(bytes.length)), bytes]),
  );
}

/** The file with one section's bytes changed. */
export function withSection(
  file: Uint8Array,
  id: number,
  change: (bytes: Uint8Array) => Uint8Array,
  options: JoinOptions = {},
): Uint8Array {
  return joinFile(
    splitFile(file).map((one) => (one.id === id ? { id, bytes: change(one.bytes) } : one)),
    options,
  );
}

/** Copies `bytes` over a place. */
export function patched(bytes: Uint8Array, at: number, patch: Uint8Array): Uint8Array {
  const out = Uint8Array.from(bytes);
  out.set(patch, at);
  return out;
}

export function number32(value: number): Uint8Array {
  return u32(value);
}
