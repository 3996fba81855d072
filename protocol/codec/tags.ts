/** Domain tag of the committee's BLS signatures (R27, RFC 9380 hash to G1). The library's default is never used. */
export const settlementTag = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
