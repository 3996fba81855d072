/** `.zkey` files that snarkjs makes for a circuit of one multiplication. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes } from "../../../storage/core/bytes.ts";
import { joinFile } from "./ptau-files.ts";
import { beaconValue, number32, printedHash } from "./ptau-files.ts";
import { snarkjs } from "./snarkjs.ts";

/** Order of BN254's groups. */
const order = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

function littleEndian(value: bigint, bytes: number): Uint8Array {
  return Buffer.from(value.toString(16).padStart(2 * bytes, "0"), "hex").reverse();
}

/** The `.r1cs` file of out = a · b; its wires are 1, out, a and b. */
function multiplication(): Uint8Array {
  const counts = [4, 1, 0, 2].map(number32);
  const header = concatBytes(
    number32(32),
    littleEndian(order, 32),
    ...counts,
    littleEndian(4n, 8),
    number32(1),
  );
  const wire = (index: number): Uint8Array => concatBytes(number32(1), number32(index), littleEndian(1n, 32));
  const labels = [0n, 1n, 2n, 3n].map((label) => littleEndian(label, 8));
  const sections = [
    { id: 1, bytes: header },
    { id: 2, bytes: concatBytes(wire(2), wire(3), wire(1)) },
    { id: 3, bytes: concatBytes(...labels) },
  ];
  return joinFile(sections, { magic: "r1cs" });
}

export type ZkeyFiles = {
  /** Two contributions and a beacon. */
  readonly whole: Uint8Array;
  /** No contribution. */
  readonly empty: Uint8Array;
  /** Of another proof system. */
  readonly plonk: Uint8Array;
  /** The hash of each contribution of `whole`, as snarkjs prints it, in hex. */
  readonly hashes: readonly string[];
};

export async function makeZkeyFiles(): Promise<ZkeyFiles> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-zkey-"));
  try {
    await writeFile(join(folder, "c.r1cs"), multiplication());
    await snarkjs(folder, "powersoftau", "new", "bn128", "3", "0.ptau");
    await snarkjs(folder, "powersoftau", "contribute", "0.ptau", "1.ptau", "-e=text");
    await snarkjs(folder, "powersoftau", "prepare", "phase2", "1.ptau", "2.ptau");
    await snarkjs(folder, "groth16", "setup", "c.r1cs", "2.ptau", "0.zkey");
    await snarkjs(folder, "plonk", "setup", "c.r1cs", "2.ptau", "plonk.zkey");
    const outputs = [
      await snarkjs(folder, "zkey", "contribute", "0.zkey", "1.zkey", "--name=Alice", "-e=first text"),
      await snarkjs(folder, "zkey", "contribute", "1.zkey", "2.zkey", "--name=Bob", "-e=second text"),
      await snarkjs(folder, "zkey", "beacon", "2.zkey", "3.zkey", beaconValue, "10", "-n=Beacon"),
    ];
    const read = (name: string): Promise<Buffer> => readFile(join(folder, name));
    return {
      whole: await read("3.zkey"),
      empty: await read("0.zkey"),
      plonk: await read("plonk.zkey"),
      hashes: outputs.map((output) => printedHash(output, "Contribution Hash")),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
