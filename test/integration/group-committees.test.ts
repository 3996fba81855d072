/** The committee of a group that `whitepay group create` makes: one that others share, or one of its own, on a real chain. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { devnetRhythm } from "../../cli/chain/presets.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { groupFile, providerLines } from "../support/group-file.ts";
import type { CliResult } from "../support/cli.ts";
import {
  accountFlags,
  membersOf,
  payerScene,
  statusOf,
  storingProvider,
  type PayerScene,
} from "../support/payer-scene.ts";

let scene: PayerScene;
beforeAll(async () => {
  scene = await payerScene();
});
afterAll(() => scene.close());

describe("the committee of a new group", () => {
  it("enters a shared committee after the deposit, and shows its terms before", async () => {
    const provider = await storingProvider(scene, "nine", 21_009);
    const members = membersOf(scene).slice(0, 4);
    const terms = { token: scene.token, leastKeeperFee: 5_000n, mostProviders: 2 };
    const form = (isOpen: boolean): Promise<Committee> =>
      scene.world.form(members, { rhythm: devnetRhythm, terms: { ...terms, open: isOpen } });
    const open = await form(true);
    const closed = await form(false);
    const file = join(scene.folder, "shared.yaml");
    const lines = (committee: string, fee: string): string[] => [
      "preset: devnet",
      "blockTime_s: 1",
      `token: "${scene.token}"`,
      'pricePerMonth: "2592"',
      'deposit: "10"',
      `keeperFee: "${fee}"`,
      `committee: "${committee}"`,
      ...providerLines("shared", [provider]),
    ];
    const create = async (
      committee: string,
      fee: string,
      ...flags: readonly string[]
    ): Promise<CliResult> => {
      await writeFile(file, `${lines(committee, fee).join("\n")}\n`);
      return scene.run(["group", "create", file, ...flags]);
    };
    const cheap = await create(open.address, "4999", "--dry-run");
    expect(cheap).toMatchObject({ code: 4, stdout: "" });
    expect(cheap.stderr).toMatch(
      /^fail {2}committee {2}0x\w+ refuses the group \(R38\): keeperFee: at least 5000 \(/m,
    );
    const stranger = await accountFlags(scene, "nine-payer", Wallet.createRandom().privateKey);
    const alone = await create(closed.address, "5000", "--dry-run", ...stranger);
    expect(alone.code, alone.stderr).toBe(0);
    expect(alone.stderr).toMatch(
      new RegExp(
        `its convener ${scene.payer.address} must let the group in first: whitepay group invite --group 0x`,
      ),
    );
    const made = await create(open.address, "5000", "--yes", "--json");
    expect(made.code, made.stderr).toBe(0);
    expect(made.stderr).toMatch(
      /^ok {4}committee {2}0x\w+, 4 keepers, 2 providers left; terms: WPD, fee at least 0\.0+5 WPD per provider and 65,536 blocks, share at least 10 %, at most 2 providers, open to any group$/m,
    );
    const { group, transactions } = JSON.parse(made.stdout) as {
      group: string;
      transactions: { method: string }[];
    };
    expect(transactions.map(({ method }) => method)).toEqual(["createGroup", "approve", "deposit", "enter"]);
    const { state, config } = await statusOf(scene, group);
    expect(state.service).toMatchObject({ committee: open.address, number: 1, ceiling: 1 });
    expect(config.keeperFee).toBe(5_000n);
  });

  it("forms a private committee before its group if the group pays a fee", async () => {
    const provider = await storingProvider(scene, "ten", 21_010);
    const file = await groupFile(scene, {
      name: "paying",
      providers: [provider],
      extra: 'keeperFee: "5000"',
    });
    const made = await scene.json(["group", "create", file, "--yes"]);
    const methods = ["createCommittee", "createGroup", "approve", "deposit", "enter"];
    expect(made.transactions.map(({ method }: { method: string }) => method)).toEqual(methods);
    expect(made.planned.map(({ method }: { method: string }) => method)).toEqual([...methods, "addProvider"]);
    const { state, committee } = await statusOf(scene, made.group);
    expect(state.service).toMatchObject({ committee: committee?.address, ceiling: 1 });
    expect(committee?.convener).toBe(scene.payer.address);
  });
});
