/** Rounds that drand published; the documents that show them are named at each. */
import type { DrandRound } from "../../../../ceremony/beacon/drand.ts";
import type { Hex } from "../../../../protocol/hash.ts";

export type PublicRound = {
  readonly chain: "default" | "quicknet";
  readonly round: DrandRound;
  readonly randomness: Hex;
};

export const publicRounds: readonly PublicRound[] = [
  // The first round of the chain, from api.drand.sh/public/1.
  {
    chain: "default",
    round: {
      round: 1,
      signature:
        "0x8d61d9100567de44682506aea1a7a6fa6e5491cd27a0a0ed349ef6910ac5ac20ff7bc3e09d7c046566c9f7f3c6f3b10104990e7cb424998203d8f7de586fb7fa5f60045417a432684f85093b06ca91c769f0e7ca19268375e659c2a2352b4655",
      previousSignature: "0x176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a",
    },
    randomness: "0x101297f1ca7dc44ef6088d94ad5fb7ba03455dc33d53ddb412bbc4564ed986ec",
  },
  // From drand.cloudflare.com/public/72785, a test vector of several verifiers.
  {
    chain: "default",
    round: {
      round: 72_785,
      signature:
        "0x82f5d3d2de4db19d40a6980e8aa37842a0e55d1df06bd68bddc8d60002e8e959eb9cfa368b3c1b77d18f02a54fe047b80f0989315f83b12a74fd8679c4f12aae86eaf6ab5690b34f1fddd50ee3cc6f6cdf59e95526d5a5d82aaa84fa6f181e42",
      previousSignature:
        "0xa609e19a03c2fcc559e8dae14900aaefe517cb55c840f6e69bc8e4f66c8d18e8a609685d9917efbfb0c37f058c2de88f13d297c7e19e0ab24813079efe57a182554ff054c7638153f9b26a60e7111f71a0ff63d9571704905d3ca6df0b031747",
    },
    randomness: "0x8b676484b5fb1f37f9ec5c413d7d29883504e5b669f604a1ce68b3388e9ae3d9",
  },
  // From docs.drand.love, "Our HTTP API".
  {
    chain: "default",
    round: {
      round: 5_347_804,
      signature:
        "0x92daf5745411a415b539caebda0b523fa20d4d12b28eb2fe427decdf5dcc976046a9c83b54f1db991fa191ffca8fcbdc07563036664f6ba47dcf00593559286f667574f6b0a2ba0be2683463b5bf3472e5696ac28b75d5b2223dbb98a56c96a3",
      previousSignature:
        "0xb01091c60b2b1a7c1f7a79610cd94e0c06e93bd305cf04229fe1571669257d16583a02e4038fdd755e6c39944b0116e30256874eede733a79c5e72c787db3889a1678c4ea6423b467de56208c5bd8e10cc090b6e0429f7f33653086a089cc3f8",
    },
    randomness: "0xa87619810b1b41e70a01b8f903cf69977e026f80d9fd5e4c197c298a96c61cfe",
  },
  // From docs.drand.love, "Our HTTP API"; the page has no value, this one is the SHA-256 of the signature.
  {
    chain: "quicknet",
    round: {
      round: 42,
      signature:
        "0x95a9f9f5b231b7714de1553105d8ffdf3dcda24cfdb1e689319bccf79a9c8ce430a91b811fbfaf763900bc998b5d686a",
    },
    randomness: "0x8ada64bae5c6c0f5540a6a13af56e663240edfbd2c76ac6a8f27671eb7259ce3",
  },
  // From the README of a Python binding of drand-verify.
  {
    chain: "quicknet",
    round: {
      round: 657_413,
      signature:
        "0xb713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b",
    },
    randomness: "0xfc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587",
  },
];
