/** The payer's and the inspector's commands in processes of their own, against real contracts (R25, R27, R37, R38, R41). */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as client from "../../../client/index.ts";
import { sealKey } from "../../../daemon/keys/keystore.ts";
import { runCli } from "../../support/cli.ts";
import { ClientWorld, gibibyte, listRoot } from "../../support/contracts/client-world.ts";
import { serveRpc, type RpcServer } from "../../support/contracts/rpc-server.ts";
import { sharedFolder } from "../../support/files.ts";

let scene: ClientWorld;
let server: RpcServer;
let folder: string;
let remove: () => Promise<void>;

const inFolder = (name: string): string => join(folder, name);

/** JSON with amounts as decimal text, as the commands print it. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? String(one) : one));
}

/** Runs a command that must end well, and returns its stdout. */
async function output(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli([...args, "--rpc", server.url], { cwd: folder });
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  return stdout;
}

const payer = (): string[] => [
  "--factory",
  scene.factory,
  "--lens",
  scene.lens,
  "--key",
  inFolder("payer.json"),
  "--password-file",
  inFolder("password"),
];
// A document's shape is known to the test that asks.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
const json = async (args: readonly string[]): Promise<any> => JSON.parse(await output([...args, "--json"]));

beforeAll(async () => {
  scene = await ClientWorld.open();
  server = await serveRpc(scene.chain.rpc);
  const shared = await sharedFolder();
  ({ folder, remove } = shared);
  await mkdir(folder, { recursive: true });
  const key = await sealKey("operator", scene.payer.privateKey as `0x${string}`, "secret", "light");
  await writeFile(inFolder("payer.json"), key, { mode: 0o600 });
  await writeFile(inFolder("password"), "secret\n", { mode: 0o600 });
});
afterAll(async () => {
  await server.close();
  await scene.chain.close();
  await remove();
});

it("a payer drafts, creates, fills, watches and pays a private group, and its certificate is inspected", async () => {
  const members = await scene.world.keepers(4);
  const operator = await scene.operator("command provider");
  const token = await scene.world.token.getAddress();
  const { interval, turn, slot, answer, confirmations } = (await scene.draft(members)).rhythm;
  const file = inFolder("group.yaml");
  const lines = [
    `blocks: { interval: ${interval}, turn: ${turn}, slot: ${slot}, answer: ${answer}, confirmations: ${confirmations}, lockup: 100 }`,
    "blockTime_s: 12",
    `token: "${token}"`,
    'pricePerMonth: "4"',
    'deposit: "1000"',
    "ceiling: 3",
    "keepers:",
    ...members.map((keeper) => `  - "${keeper.operator.address}"`),
    `consents: [${members.map((_, i) => `member-${i}.json`).join(", ")}]`,
    "providers:",
    `  - { operator: "${operator.address}", consent: provider.json, data: { root: "${listRoot}", bytes: "${gibibyte}" } }`,
  ];
  await writeFile(file, lines.join("\n"));

  const quoted = await json(["group", "quote", file, "--gas-price", "1", "--coin-price", "3000"]);
  expect(quoted).toMatchObject({
    privateCommittee: { groups: 1 },
    sharedCommittee: { groups: 32 },
    months: 3,
  });

  const draft = JSON.parse(
    await output(["group", "draft", file, "--convener", scene.payer.address, "--factory", scene.factory]),
  ) as { committee: string; terms: { leastKeeperFee: string } } & Omit<client.CommitteeDraft, "terms"> & {
      terms: Omit<client.Terms, "leastKeeperFee">;
    };
  const { terms } = draft;
  const whole = { ...draft, terms: { ...terms, leastKeeperFee: BigInt(terms.leastKeeperFee) } };
  for (const [i, keeper] of members.entries()) {
    const consent = await client.signFirstConsent(keeper.operator, whole, { deadline: 1_000_000 });
    expect(consent.committee).toBe(draft.committee);
    await writeFile(inFolder(`member-${i}.json`), text(consent));
  }

  const created = await json(["group", "create", file, "--yes", ...payer()]);
  expect(created.transactions.map(({ method }: { method: string }) => method)).toEqual([
    "createPrivate",
    "approve",
    "deposit",
  ]);
  expect(created.waitingFor).toEqual([operator.address]);
  const at = scene.at(created.group);

  // A higher price than the file's is refused, the file's is taken.
  const price = client.priceFor({ perMonth: client.parseAmount("4", client.coin), blockTime_s: 12 });
  const dear = await scene.consent(at, operator, { price: price + 1n });
  await writeFile(inFolder("provider.json"), text(dear));
  const refused = await runCli(["group", "create", file, "--yes", ...payer(), "--rpc", server.url], {
    cwd: folder,
  });
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("higher price")]);
  await writeFile(inFolder("provider.json"), text(await scene.consent(at, operator, { price })));
  const filled = await json(["group", "create", file, "--yes", ...payer()]);
  expect(filled).toMatchObject({
    group: at.address,
    waitingFor: [],
    transactions: [{ method: "addProvider" }],
  });

  const committee = scene.committee(draft.committee, whole, members);
  const receipt = await scene.certify(committee, [{ at, number: 1 }]);
  const { report } = await client.verifyCertificate(scene.provider, receipt.hash);
  const inspected = await output(["inspect", "certificate", "--tx", receipt.hash, "--json"]);
  expect(JSON.parse(inspected)).toEqual(JSON.parse(text(report)));
  expect(Object.keys(JSON.parse(inspected) as object)).toEqual([
    "valid",
    "committee",
    "ts",
    "te",
    "version",
    "digest",
    "signers",
    "quorum",
    "groups",
  ]);
  expect(JSON.parse(inspected)).toMatchObject({
    valid: true,
    groups: [{ group: at.address, items: [{ provider: 0, spaceTime: String((1n << 128n) - 1n) }] }],
  });
  expect(await output(["inspect", "certificate", "--tx", receipt.hash])).toContain(
    "the certificate is valid",
  );

  const group = ["--group", at.address];
  const status = await json(["group", "status", ...group, "--lens", scene.lens]);
  expect(status).toMatchObject({
    address: at.address,
    shortfall: "0",
    committee: { address: draft.committee },
  });
  expect(await output(["group", "status", ...group, "--lens", scene.lens])).toContain("version 1, 4 keepers");
  const paid = await json(["group", "payments", ...group, "--lens", scene.lens]);
  expect(paid.payments.map(({ role, kind }: client.Payment) => `${role} ${kind}`)).toEqual([
    "provider settled",
    ...members.map(() => "keeper settled"),
  ]);
  const csv = await output(["group", "payments", ...group, "--lens", scene.lens, "--csv"]);
  expect(csv.trim().split("\n")).toHaveLength(6);

  // A private committee has room for the providers of the file alone.
  const args = ["group", "raise-ceiling", "4", "--yes", ...group, ...payer(), "--rpc", server.url];
  const full = await runCli(args, { cwd: folder });
  expect([full.code, full.stderr]).toEqual([4, expect.stringContaining("R38")]);
  const named = await json(["group", "name-payer", operator.address, "--yes", ...group, ...payer()]);
  expect(named.transactions).toMatchObject([{ method: "namePayer", sent: true }]);
});
