/** Domain tag of the committee's BLS signatures (R27, RFC 9380 hash to G1). Callers must pass it: the library's default tag differs. */
export const settlementTag = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
