/** Signs with the keys of the key files. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { secretKeyAddress } from "../../protocol/codec/receipt.ts";
import { signSeed } from "../../protocol/codec/seed.ts";
import { settlementTag } from "../../protocol/codec/tags.ts";
import { fromHex, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { KeyringPort } from "../ports/keyring.ts";

export class FileKeyring implements KeyringPort {
  readonly operator: Hex;
  readonly #operatorSecret: Uint8Array;
  readonly #blsSecret: Uint8Array;

  constructor(secrets: { readonly operator: Hex; readonly bls: Hex }) {
    this.#operatorSecret = fromHex(secrets.operator);
    this.#blsSecret = fromHex(secrets.bls);
    this.operator = secretKeyAddress(this.#operatorSecret);
  }

  signMessage(digest: Hex): Hex {
    const recovered = secp256k1.sign(fromHex(digest), this.#operatorSecret, {
      prehash: false,
      format: "recovered",
    });
    const out = new Uint8Array(65);
    out.set(recovered.subarray(1));
    out[64] = 27 + (recovered[0] ?? 0);
    return toHex(out);
  }

  signSeed(scope: Parameters<KeyringPort["signSeed"]>[0]): Uint8Array {
    return signSeed(scope, this.#blsSecret);
  }

  signDigest(digest: Hex): Hex {
    const bls = bls12_381.shortSignatures;
    const signature = bls.sign(bls.hash(fromHex(digest), settlementTag), this.#blsSecret);
    return toHex(bls.Signature.toBytes(signature));
  }
}
