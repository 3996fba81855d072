/** A ceremony whose contributions are attested by the keepers of a committee on a chain (R48). */
import { toBeHex } from "ethers";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { claimOf } from "../../ceremony/running/queue.ts";
import type { Contribution } from "../../ceremony/running/queue.ts";
import { signContribution } from "../../client/contribution.ts";
import type { Hex } from "../../protocol/hash.ts";
import { startChainEndpoint } from "../support/chain-endpoint.ts";
import type { ChainEndpoint } from "../support/chain-endpoint.ts";
import { makeChain } from "../support/ceremony/powers.ts";
import { party } from "../support/ceremony/running.ts";
import { ServiceScene } from "../support/ceremony/service.ts";
import { runCli } from "../support/cli.ts";
import type { Keeper } from "../support/contracts/basics.ts";
import { ClientWorld } from "../support/contracts/client-world.ts";

let world: ClientWorld;
let keepers: Keeper[];
let committee: { chainId: number; address: Hex };
let endpoint: ChainEndpoint;
let scene: ServiceScene;

const [alice, bob] = [party(1), party(2)];
const made = makeChain("bn254", { power: 1, contributions: 2 });
const response = (index: number): Uint8Array => made.responses[index - 1] as Uint8Array;

beforeAll(async () => {
  world = await ClientWorld.open();
  keepers = await world.world.keepers(4);
  const { address } = await world.form(keepers);
  committee = { chainId: Number(world.chain.chainId), address: address.toLowerCase() as Hex };
  endpoint = await startChainEndpoint(world.chain.rpc);
  scene = await ServiceScene.open({ committee }, [endpoint.url]);
});

afterAll(async () => {
  await scene?.remove();
  await endpoint?.close();
  await world?.chain.close();
});

/** A member's signature of a contribution, as `POST /v1/attestations` takes it. */
function attested(index: number, member: number, version = 1): object {
  const contribution = scene.state.contributions[index - 1] as Contribution;
  const own = { chainId: committee.chainId, committee: committee.address };
  const secret = toBeHex((keepers[member] as Keeper).secret, 32) as Hex;
  const signature = signContribution(secret, own, claimOf(scene.state, contribution));
  return { type: "attested", index, version, member, signature };
}

const attest = (body: object) => scene.post("/v1/attestations", body);

it("the next participant starts when a quorum has signed, and the whole is verified with the chain's keys", async () => {
  await scene.join(alice);
  await scene.join(bob);
  await scene.submit(alice, response(1));
  expect(scene.state.contributions).toMatchObject([{ settled: false }]);
  expect(scene.state.slot).toBeUndefined();

  expect(await attest(attested(1, 0))).toMatchObject({ status: 200 });
  expect(await attest(attested(1, 0))).toMatchObject({ status: 409 });
  expect(await attest({ ...attested(1, 0), member: 1 })).toMatchObject({ status: 409 });
  // The chain was asked for the version in force a moment ago: no stranger can have it asked at every request.
  const asked = [...endpoint.calls.values()].reduce((sum, count) => sum + count, 0);
  const unknown = [];
  for (let version = 5; version < 15; version++) unknown.push(await attest(attested(1, 1, version)));
  expect(unknown.map(({ status }) => status)).toEqual(Array(10).fill(503));
  expect([...endpoint.calls.values()].reduce((sum, count) => sum + count, 0)).toBe(asked);
  expect(await attest(attested(1, 1))).toMatchObject({ status: 200 });
  expect(scene.state.slot).toBeUndefined();
  // The keys of a version that is known need no question.
  await scene.stop();
  await scene.start();
  expect(await attest(attested(1, 3))).toMatchObject({ status: 200 });
  expect(scene.state.contributions[0]).toMatchObject({ settled: true });
  expect(scene.state.slot).toMatchObject({ participant: bob.address, index: 2 });

  await scene.submit(bob, response(2));
  const manifest = join(scene.folder, "archive.json");
  const words = ["ceremony", "verify", manifest, "--from", scene.folder, "--json"];
  const verify = async () => {
    const { code, stdout } = await runCli([...words, "--rpc", endpoint.url]);
    return { code, report: JSON.parse(stdout) as { problems: string[]; contributions: object[] } };
  };
  // The last contribution is in the manifest, and its attestations are not there yet.
  const open = await verify();
  expect(open.code).toBe(1);
  expect(open.report.problems).toEqual([
    expect.stringMatching(/^contribution 2: expected attestations by a quorum/),
  ]);
  for (const member of [0, 1, 2]) await attest(attested(2, member));
  await scene.running.service.idle();
  expect(await verify()).toMatchObject({
    code: 0,
    report: { problems: [], contributions: [{ settled: true }, { settled: true }] },
  });
  const without = await runCli(words);
  expect(without.code).toBe(2);
  expect(without.stderr).toMatch(/--rpc with an endpoint of chain/);
}, 120_000);
