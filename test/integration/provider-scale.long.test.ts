/** A provider of as many groups as one message names: one seed, one message, one durable write (R9, R12). */
import { expect, it, onTestFinished } from "vitest";
import { maxTargets } from "../../protocol/codec/challenge.ts";
import { sharedFolder } from "../support/files.ts";
import { ask, bytesOf, callsOfWatch, providerScene, verdicts } from "../support/provider-scene.ts";
import type { Keeper } from "../support/provider-scene.ts";

it("answers a whole message of groups, reads the chain once for each group and not again, and repeats the same bytes", async () => {
  const { folder, remove } = await sharedFolder();
  onTestFinished(remove);
  const scene = await providerScene(
    folder,
    Array.from({ length: maxTargets }, () => [700]),
  );
  onTestFinished(() => scene.close());
  const running = await scene.start();
  onTestFinished(() => running.stop());
  await scene.nextSlot();
  await scene.nextSlot();
  const { calls } = scene.chain.endpoint;
  const [first, second] = scene.keepers as [Keeper, Keeper];
  const whole = Array.from({ length: maxTargets }, () => "16").join(" ");

  calls.clear();
  const asked_ms = performance.now();
  const slot = await scene.nextSlot();
  const request = await scene.request(first, slot);
  const told = await ask(running, first, request);
  expect(verdicts(scene, request, told)).toBe(whole);
  // Of each group its state, this provider's index, its account and its data; some more of the committee and the registry.
  expect(calls.get("eth_call") ?? 0).toBeLessThanOrEqual(
    4 * maxTargets + 30 + callsOfWatch(asked_ms, maxTargets),
  );

  calls.clear();
  const begin_ms = performance.now();
  const next = await scene.nextSlot();
  const later = await scene.request(second, next);
  expect(verdicts(scene, later, await ask(running, second, later))).toBe(whole);
  expect(calls.get("eth_call") ?? 0).toBeLessThanOrEqual(callsOfWatch(begin_ms, maxTargets));
  expect(bytesOf(await ask(running, first, request))).toBe(bytesOf(told));
});
