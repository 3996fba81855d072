/** Secret keys of tests. */
import { seededBytes } from "./files.ts";

/** 32 bytes that are a valid secret key of every curve in use. */
export const secretOf = (index: number): Uint8Array => seededBytes(32, 7000 + index).fill(0, 0, 1);
