/**
 * R3: proof that a peer is the keeper which the registry names. The registry holds the peer id that an operator claims; the
 * operator's signature over the peer id proves the claim. The Noise handshake proves the peer id itself.
 */
import { ByteWriter, decode } from "../../storage/core/bytes.ts";
import type { DecodeCode } from "../../storage/core/bytes.ts";
import type { Result } from "../../storage/core/result.ts";
import { keccak, keccakText, keccakWords } from "../hash.ts";
import type { Hex } from "../hash.ts";
import { domainOf, typedDigest } from "../certificate.ts";
import { signatureBytes } from "./message.ts";

export const identityProtocol = "/whitepay/identity/1";
const identityVersion = 1;

/** The registry that holds a registration. */
export type RegistryScope = { readonly chainId: number; readonly registry: Hex };

/** States that registration number `sequence` of `operator` names the sending peer. */
export type IdentityStatement = {
  readonly operator: Hex;
  /** Counter of the operator's registrations and changes of endpoint. */
  readonly sequence: number;
  /** By the operator key over `identityDigest`. */
  readonly signature: Hex;
};

export const statementBytes = 1 + 20 + 8 + signatureBytes;

const identityType = keccakText("PeerIdentity(address operator,bytes peerId,uint64 sequence)");

/** EIP-712 digest with the registry as verifying contract. `peerId` has 38 bytes, as in the registry. */
export function identityDigest(
  { chainId, registry }: RegistryScope,
  { operator, sequence }: Omit<IdentityStatement, "signature">,
  peerId: Uint8Array,
): Hex {
  const struct = keccakWords(identityType, operator, keccak(peerId), sequence);
  return typedDigest(domainOf(chainId, registry), struct);
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
