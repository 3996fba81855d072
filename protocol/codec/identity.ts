/**
 * R3: how a peer proves that it is the keeper which the registry names. The registry says which peer an operator claims; only the
 * operator's signature over that peer id says that the operator is there. Noise has shown the peer id itself.
 */
import { ByteWriter, decode } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import type { Result } from "../../storage/core/result.ts";
import { keccak, keccakText, keccakWords } from "../hash.ts";
import type { Hex } from "../hash.ts";
import { domainSeparator, typedDigest } from "../settlement.ts";
import { signatureBytes } from "./message.ts";

export const identityProtocol = "/whitepay/identity/1";
const identityVersion = 1;

/** Where a registration lies. */
export type RegistryScope = { readonly chainId: number; readonly registry: Hex };

/** "The operator's registration of this number names the peer that says this." */
export type IdentityStatement = {
  readonly operator: Hex;
  /** Counts the operator's registrations and changes of endpoint. */
  readonly sequence: number;
  /** By the operator key over `identityDigest`. */
  readonly signature: Hex;
};

export const statementBytes = 1 + 20 + 8 + signatureBytes;

const identityType = keccakText("PeerIdentity(address operator,bytes peerId,uint64 sequence)");

/** EIP-712, with the registry as the verifying contract. `peerId` is the registry's form: 38 bytes. */
export function identityDigest(
  { chainId, registry }: RegistryScope,
  { operator, sequence }: Omit<IdentityStatement, "signature">,
  peerId: Uint8Array,
): Hex {
  const struct = keccakWords(identityType, operator, keccak(peerId), sequence);
  return typedDigest(domainSeparator(chainId, registry), struct);
}

export function encodeStatement({ operator, sequence, signature }: IdentityStatement): Uint8Array {
  return new ByteWriter()
    .u8(identityVersion)
    .hex(operator, 20)
    .u64(sequence)
    .hex(signature, signatureBytes)
    .finish();
}

export function decodeStatement(bytes: Uint8Array): Result<IdentityStatement, DecodeCode> {
  return decode(bytes, statementBytes, (reader) => {
    const version = reader.u8("version");
    if (version !== identityVersion) {
      reader.fail("version", `expected ${identityVersion}, actual ${version}`);
    }
    return {
      operator: reader.hex(20, "operator"),
      sequence: reader.u64("sequence"),
      signature: reader.hex(signatureBytes, "signature"),
    };
  });
}
