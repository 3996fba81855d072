/** A repair with fewer providers than copies to make anew; each provider is a process. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { GroupView } from "../../client/group-view.ts";
import { openStoring, type Storing } from "../support/storing.ts";
import { expectReadable, sourceOf, storing } from "../support/storing-steps.ts";

type Stored = { group: string; items: { copies: { provider: string }[] }[] };
type Repaired = { repaired: { name: string; from: string; to: string }[]; unrepairable: string[] };

const minutes = 60_000;
let scene: Storing;
beforeAll(async () => (scene = await openStoring({ providers: 4 })), 300_000);
afterAll(() => scene?.close(), 60_000);

it(
  "of two lost providers the one whose copy another one takes gets notice; the other one may come back, and keeps its seat",
  { timeout: 8 * minutes },
  async () => {
    const { base, providers } = scene.community;
    const { group, items } = await scene.json<Stored>(
      ...storing(sourceOf(scene, "only.bin"), 3).slice(0, -1),
    );
    const holders = items[0]?.copies.map(({ provider }) => provider) ?? [];
    const [free] = providers.operators.filter((operator) => !holders.includes(operator));
    const lost = holders.slice(0, 2);
    for (const operator of lost) await providers.kill(providers.operators.indexOf(operator));

    const { code, stdout, stderr } = await scene.run("repair", "--yes", "--json");
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(/only\.bin cannot be repaired\n +hint: .*no other provider takes it/);
    const { repaired, unrepairable } = JSON.parse(stdout) as Repaired;
    expect(unrepairable).toEqual(["only.bin"]);
    expect(repaired).toEqual([{ name: "only.bin", from: expect.any(String) as string, to: free }]);
    const [replaced] = repaired.map(({ from }) => from);
    const [waiting] = lost.filter((operator) => operator !== replaced);
    expect(lost).toContain(replaced);

    const view = new GroupView(base.provider, { address: group, lens: base.lens });
    const accounts = await view.providers();
    const noticed = accounts.filter(({ noticeByPayer }) => noticeByPayer);
    expect(noticed.map(({ operator }) => operator)).toEqual([replaced]);
    expect(accounts.find(({ operator }) => operator === waiting)).toMatchObject({ leavesAt: undefined });
    expect(await scene.json("list")).toMatchObject({ items: [{ name: "only.bin", copies: 3 }] });
    await expectReadable(scene, "only.bin");
  },
);
