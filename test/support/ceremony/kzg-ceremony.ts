/** A small KZG ceremony after kzg-ceremony-specs, made with the curve library and ethers alone: no code of the reader under test. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { Wallet } from "ethers";

const [G1, G2] = [bls12_381.G1.Point, bls12_381.G2.Point];
const order = bls12_381.fields.Fr.ORDER;

export const smallSizes = [4, 8, 16, 32].map((g1) => ({ g1, g2: 3 }));

export type TranscriptJson = {
  transcripts: {
    numG1Powers: number;
    numG2Powers: number;
    powersOfTau: { G1Powers: string[]; G2Powers: string[] };
    witness: { runningProducts: string[]; potPubkeys: string[]; blsSignatures: string[] };
  }[];
  participantIds: string[];
  participantEcdsaSignatures: string[];
};

export type Participant = {
  readonly identity: string;
  /** The Ethereum account that signs the keys. */
  readonly account?: Wallet;
  readonly signsIdentity: boolean;
};

const tag = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
const hex = (point: { toHex(compressed: boolean): string }): string => `0x${point.toHex(true)}`;

/** A scalar for each participant and set that is not small. */
const secretOf = (participant: number, set: number): bigint =>
  BigInt(7 + participant * 10 + set) ** 101n % order;

function powers(tau: bigint, count: number): bigint[] {
  const out = [1n];
  while (out.length < count) out.push(((out.at(-1) as bigint) * tau) % order);
  return out;
}

export function signIdentity(identity: string, secret: bigint): string {
  const bls = bls12_381.shortSignatures;
  const bytes = Uint8Array.from(Buffer.from(secret.toString(16).padStart(64, "0"), "hex"));
  return hex(bls.sign(bls.hash(new TextEncoder().encode(identity), tag), bytes));
}

export function signKeys(account: Wallet, keys: readonly string[]): Promise<string> {
  return account.signTypedData(
    { name: "Ethereum KZG Ceremony", version: "1.0", chainId: 1 },
    {
      contributionPubkey: [
        { name: "numG1Powers", type: "uint256" },
        { name: "numG2Powers", type: "uint256" },
        { name: "potPubkey", type: "bytes" },
      ],
      PoTPubkeys: [{ name: "potPubkeys", type: "contributionPubkey[]" }],
    },
    {
      potPubkeys: keys.map((potPubkey, i) => ({
        numG1Powers: smallSizes[i]?.g1,
        numG2Powers: smallSizes[i]?.g2,
        potPubkey,
      })),
    },
  );
}

const account = new Wallet(`0x${"11".repeat(32)}`);

export const participants: readonly Participant[] = [
  { identity: `eth|${account.address.toLowerCase()}`, account, signsIdentity: true },
  { identity: "git|12345678|@someone", signsIdentity: true },
  { identity: "git|87654321|@another-one", signsIdentity: false },
];

export async function makeKzgCeremony(): Promise<TranscriptJson> {
  const transcripts = smallSizes.map(({ g1, g2 }, set) => {
    let tau = 1n;
    const witness = {
      runningProducts: [hex(G1.BASE)],
      potPubkeys: [hex(G2.BASE)],
      blsSignatures: [""],
    };
    for (const [i, { identity, signsIdentity }] of participants.entries()) {
      const secret = secretOf(i, set);
      tau = (tau * secret) % order;
      witness.runningProducts.push(hex(G1.BASE.multiply(tau)));
      witness.potPubkeys.push(hex(G2.BASE.multiply(secret)));
      witness.blsSignatures.push(signsIdentity ? signIdentity(identity, secret) : "");
    }
    return {
      numG1Powers: g1,
      numG2Powers: g2,
      powersOfTau: {
        G1Powers: powers(tau, g1).map((scalar) => hex(G1.BASE.multiply(scalar))),
        G2Powers: powers(tau, g2).map((scalar) => hex(G2.BASE.multiply(scalar))),
      },
      witness,
    };
  });
  const signatures: string[] = [];
  for (const [i, { account: own }] of participants.entries()) {
    const keys = transcripts.map(({ witness }) => witness.potPubkeys[i + 1] as string);
    signatures.push(own ? await signKeys(own, keys) : "");
  }
  return {
    transcripts,
    participantIds: ["", ...participants.map(({ identity }) => identity)],
    participantEcdsaSignatures: ["", ...signatures],
  };
}
