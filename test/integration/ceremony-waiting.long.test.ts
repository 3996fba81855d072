/** `whitepay ceremony next` waits for its turn, also while the service is away. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { sealKey } from "../../daemon/keys/keystore.ts";
import type { Hex } from "../../protocol/hash.ts";
import { makeChain } from "../support/ceremony/powers.ts";
import { party } from "../support/ceremony/running.ts";
import { ServiceScene } from "../support/ceremony/service.ts";
import { startCli } from "../support/cli.ts";
import { temporaryFolder } from "../support/files.ts";

let service: ServiceScene;
afterEach(() => service.remove());

it("a participant that waits gets its turn after a restart of the service", async () => {
  const [alice, bob] = [party(1), party(2)];
  service = await ServiceScene.open();
  await service.join(alice);
  const folder = await temporaryFolder();
  const [key, password] = [join(folder, "bob.json"), join(folder, "password")];
  const keystore = await sealKey("operator", bob.key.privateKey as Hex, "secret", "light");
  await writeFile(key, keystore, { mode: 0o600 });
  await writeFile(password, "secret\n", { mode: 0o600 });
  const words = ["ceremony", "next", service.url, "--key", key, "--password-file", password];
  const waiting = startCli([...words, "--folder", folder, "--", "true", "{challenge}", "{response}"]);
  await waiting.said("you are number 1 in the queue");
  await service.stop();
  await waiting.said("asking again");
  await service.start();
  const [response] = makeChain("bn254", { power: 1, contributions: 1 }).responses;
  expect(await service.submit(alice, response as Uint8Array)).toMatchObject({ status: 200 });
  await waiting.said("it is your turn: contribution 2");
  // The program of this test writes no response.
  const { code, stderr } = await waiting.ended;
  expect(stderr).toContain("the service answers again");
  expect(stderr).toContain("it wrote no response");
  expect(code).toBe(1);
});
