/** The platform's fast implementations of the core's primitives: Node's SHA-256 and Buffer, and Keccak in WebAssembly. */
import { installPrimitives } from "../../storage/core/primitives.ts";
import type { Primitives } from "../../storage/core/primitives.ts";
import { wasmKeccak } from "./keccak-wasm.ts";
import { nodeSha256 } from "./node-sha256.ts";
import { nodeText } from "./node-text.ts";

let fast: Primitives | undefined;

export function fastPrimitives(): Primitives {
  return (fast ??= { sha256: nodeSha256, keccak: wasmKeccak(), text: nodeText() });
}

/** Every composition root calls this once, in each thread that hashes; further calls change nothing. */
export function installFastHashes(): void {
  installPrimitives(fastPrimitives());
}
