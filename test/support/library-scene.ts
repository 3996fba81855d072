/** A group with a provider and one settlement, on a chain behind JSON-RPC: what the library's examples look at. */
import { join } from "node:path";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { Contract, getBytes, Wallet } from "ethers";
import { groupAbi } from "../../scripts/client/abi.ts";
import { encodeG1, signatureTag } from "../../scripts/client/bls.ts";
import { planAddProvider } from "../../scripts/client/plans.ts";
import { send } from "../../scripts/client/transactions.ts";
import { readConsent } from "../../scripts/lib/consent-file.ts";
import { createGroup } from "../../scripts/fleet/setup.ts";
import { payerScene, storingProvider, type PayerScene } from "./payer-scene.ts";
import { sceneParams } from "./keeper-scene.ts";

export type LibraryScene = PayerScene & {
  readonly group: string;
  /** Transaction of the settlement. */
  readonly settlement: string;
};

/** All keepers sign that provider 0 proved everything. */
async function settle(scene: PayerScene, group: string, bytes: bigint): Promise<string> {
  const { provider, keepers } = scene;
  const leader = new Wallet(keepers[0]?.keys.operator ?? "", provider);
  const contract = new Contract(group, groupAbi, leader);
  const { settledThrough: ts } = await contract.getFunction("state")();
  const te = Number(ts) + sceneParams.interval;
  const missing = te - 1 - (await provider.getBlockNumber());
  await scene.mine(missing);
  const [account] = await contract.getFunction("providers")(0, 1);
  const items = [{ provider: 0, spaceTime: bytes * BigInt(te - Number(account.activeFrom)) }];
  const settlement = { ts, te, committee: 1, leader: 0, failed: 0, payees: 15, items };
  const digest = getBytes(await contract.getFunction("settlementDigest")(settlement));
  const { shortSignatures } = bls12_381;
  const partial = keepers.map(({ keys }) =>
    shortSignatures.sign(shortSignatures.hash(digest, signatureTag), getBytes(keys.bls)),
  );
  const aggregate = encodeG1(shortSignatures.aggregateSignatures(partial));
  const sent = await contract.getFunction("settle")(settlement, 15, aggregate);
  await sent.wait();
  return sent.hash;
}

export async function libraryScene(): Promise<LibraryScene> {
  const scene = await payerScene({ keepers: 4 });
  const operators = scene.keepers.map(({ operator }) => operator);
  const params = { ...sceneParams, price: 10n ** 18n };
  const group = await createGroup(scene.deployment, scene.payer, params, operators);
  const storing = await storingProvider(scene, "library", 21_201, { sizes: [1_000_000] });
  const consent = join(scene.folder, "consent.json");
  await storing.consent(group, consent);
  await send(await planAddProvider(scene.payer, group, await readConsent(consent)), scene.payer);
  return { ...scene, group, settlement: await settle(scene, group, 1_000_000n) };
}
