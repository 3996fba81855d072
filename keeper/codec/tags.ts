/** Domain tags of BLS signatures (RFC 9380 hash to G1). The library's default tag is never used. */

/** R27 */
export const settlementTag = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
/** R3 */
export const possessionTag = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
