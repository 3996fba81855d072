/** Places at a relay: as many as the limits allow, one for each operator, free again after a time (L4). */
import { expect, it } from "vitest";
import { Places } from "../../../../../daemon/peers/relay/places.ts";
import { placeLife_ms, relayPlaces } from "../../../../../protocol/limits/relay.ts";

function places(): { places: Places; wait: (ms: number) => void } {
  let now_ms = 0;
  const made = new Places(
    () => relayPlaces({ keepers: 1, providers: 2 }),
    () => now_ms,
  );
  return { places: made, wait: (ms) => void (now_ms += ms) };
}

it("served peers and newcomers have places of their own; the rest is refused", () => {
  const { places: made } = places();
  for (let i = 0; i < 3; i++) expect(made.take(`served ${i}`, `s${i}`, true)).toBe(true);
  expect(made.take("served 3", "s3", true)).toBe(false);
  for (let i = 0; i < 2; i++) expect(made.take(`new ${i}`, `n${i}`, false)).toBe(true);
  for (let i = 2; i < 1_000; i++) expect(made.take(`new ${i}`, `n${i}`, false)).toBe(false);
  expect(made.size).toBe(5);
  expect(made.has("s3")).toBe(false);
});

it("an operator that changed its peer keeps one place; a peer of two operators has one", () => {
  const { places: made } = places();
  made.take("a", "p1", true);
  expect(made.take("a", "p2", true)).toBe(true);
  expect([made.has("p1"), made.has("p2"), made.size]).toEqual([false, true, 1]);
  made.take("b", "p2", true);
  expect(made.size).toBe(1);
});

it("a newcomer that is served now frees its place for another newcomer", () => {
  const { places: made } = places();
  for (const name of ["a", "b"]) made.take(name, name, false);
  expect(made.take("a", "a", true)).toBe(true);
  expect(made.take("c", "c", false)).toBe(true);
});

it("a place is free when its peer told nothing for its life", () => {
  const { places: made, wait } = places();
  for (const name of ["a", "b"]) made.take(name, name, false);
  wait(placeLife_ms - 1);
  expect(made.take("a", "a", false)).toBe(true);
  expect(made.take("c", "c", false)).toBe(false);
  wait(1);
  expect(made.sweep()).toEqual(["b"]);
  expect(made.has("a")).toBe(true);
  expect(made.take("c", "c", false)).toBe(true);
});
