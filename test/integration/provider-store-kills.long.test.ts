/** R43: a provider that is killed after every step of a request goes on where it was; nothing acknowledged is lost, no byte is sent twice. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { cliScript } from "../../scripts/paths.ts";
import { openStore } from "../../provider/ingest.ts";
import { toHex } from "../../protocol/hash.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { seededBytes } from "../support/files.ts";
import { parcelOf } from "../support/store-payer.ts";
import type { Target } from "../support/store-payer.ts";
import { StoreScene, until } from "../support/store-scene.ts";
import type { StoreProvider } from "../support/store-scene.ts";

type Process = { readonly child: ChildProcess; readonly target: Target };

async function startProcess({ configPath }: StoreProvider): Promise<Process> {
  const child = spawn(process.execPath, [cliScript, "provider", "run", "--config", configPath], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, target: JSON.parse(line) as Target };
}

async function kill({ child }: Process): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

it("keeps every acknowledged step across kill -9, and commits in the end", { timeout: 600_000 }, async () => {
  const scene = await StoreScene.open();
  const provider = await scene.provider("killed");
  const group = await scene.group();
  let now = await startProcess(provider);
  const again = async (): Promise<void> => {
    await kill(now);
    now = await startProcess(provider);
  };
  try {
    const payer = await scene.payer(provider, () => now.target, group.address);
    const data = parcelOf([seededBytes(rangeBytes + 70_000, 1), seededBytes(4_000, 2)]);
    expect(await payer.propose(data)).toMatchObject({ kind: "accepted", listed: 0 });
    await again();
    expect(await payer.sendList(data, 0, 1)).toEqual({ kind: "listed", next: 1 });
    await again();
    expect(await payer.propose(data)).toMatchObject({ kind: "accepted", listed: 1 });
    expect(await payer.sendList(data, 1, 1)).toEqual({ kind: "listed", next: 2 });
    await again();
    expect(await payer.put(data, 0, 0)).toEqual({ kind: "stored", whole: false });
    await again();
    expect(await payer.have(data, 0)).toMatchObject({ stored: [true, false], whole: false });
    // Killed while the last range arrives: it is stored or not, and never half of it.
    const cut = payer.put(data, 0, 1);
    await kill(now);
    await cut;
    now = await startProcess(provider);
    const sent = await payer.sendMissing(data);
    expect([1, 2]).toContain(sent);
    await again();
    expect(await payer.have(data, 0)).toMatchObject({ whole: true });
    expect(await payer.sendMissing(data)).toBe(0);
    const digest = payer.digest(data);
    expect(await payer.ask({ kind: "name", digest, piece: 1, name: "catalogue" })).toEqual({ kind: "named" });
    await again();
    const consent = await scene.consent(payer, data, group);
    await again();
    // The consent that left is good, though its provider was killed behind it.
    await scene.use(group, consent);
    await again();
    const store = await openStore(provider.config);
    await until("the group commits", async () => {
      const list = await store.currentList(group.address);
      return list && toHex(list.root) === toHex(data.list.root) ? true : undefined;
    });
    await again();
    const permission = await payer.permission(group.address, 1_000_000);
    const find = {
      kind: "find",
      chainId: scene.chain.chainId,
      group: group.address,
      name: "catalogue",
    } as const;
    expect(await payer.ask({ ...find, ...permission })).toMatchObject({ kind: "found", size: 4_000 });
    for (const entry of data.list.pieces) expect(await store.faultOf(entry)).toBeUndefined();
  } finally {
    await kill(now);
    await scene.close();
  }
});
