/** Less frequent commands of all parties on a real chain: their effect, and the message of a refusal. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Contract, TypedDataEncoder, Wallet, ZeroHash } from "ethers";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { groupAbi, tokenAbi } from "../../client/abi.ts";
import { connectRpc } from "../../client/connect.ts";
import { GroupView } from "../../client/group-view.ts";
import { signPermit } from "../../client/permit.ts";
import { createGroup, writeKeeperConfig, type GroupParams } from "../../scripts/fleet/setup.ts";
import { deployContract } from "../support/contracts/chain.ts";
import { runCli, type CliResult } from "../support/cli.ts";
import { RpcFront } from "../support/fleet/rpc-front.ts";
import { sceneParams } from "../support/keeper-scene.ts";
import {
  accountFlags,
  payerScene,
  storingProvider,
  type PayerScene,
  type StoringProvider,
} from "../support/payer-scene.ts";
import { settleNext } from "../support/settling.ts";

const params: GroupParams = { ...sceneParams, price: 10n ** 18n };
const coin = `0x${"00".repeat(20)}`;

let scene: PayerScene;
/** Flags with the key of an account that is in no group. */
let stranger: readonly string[];
beforeAll(async () => {
  scene = await payerScene();
  stranger = await accountFlags(scene, "stranger", Wallet.createRandom().privateKey);
});
afterAll(() => scene.close());

const keepersOf = (): string[] => scene.keepers.slice(0, 4).map(({ operator }) => operator);

/** A group with one provider that stores its data. */
async function groupWith(
  name: string,
  port: number,
  change: Partial<GroupParams> = {},
): Promise<{ group: string; provider: StoringProvider }> {
  const group = await createGroup(scene.deployment, scene.payer, { ...params, ...change }, keepersOf());
  const provider = await storingProvider(scene, name, port, { sizes: [1_000_000] });
  await provider.consent(group, join(scene.folder, `${name}.consent`));
  await scene.json(["group", "add-provider", `${scene.folder}/${name}.consent`, "--group", group, "--yes"]);
  return { group, provider };
}

const asProvider = ({ config }: StoringProvider, args: readonly string[]): Promise<CliResult> =>
  runCli(["provider", ...args, "--config", config]);

function refusal({ code, stdout, stderr }: CliResult): { code: number | null; said: string } {
  expect(stdout).toBe("");
  return { code, said: stderr };
}

function done(result: CliResult): { transactions: { method: string; sent: boolean }[] } {
  expect(result.code, result.stderr).toBe(0);
  return JSON.parse(result.stdout) as { transactions: { method: string; sent: boolean }[] };
}

describe("whitepay group fund --permit", () => {
  it("deposits with one transaction and leaves no allowance", async () => {
    const group = await createGroup(scene.deployment, scene.payer, params, keepersOf());
    const before = await new GroupView(scene.provider, group).escrow();
    const dry = await scene.json(["group", "fund", "5", "--permit", "--group", group, "--dry-run"]);
    expect(dry.transactions).toMatchObject([{ method: "depositWithPermit", sent: false }]);
    const { transactions } = await scene.json(["group", "fund", "5", "--permit", "--group", group, "--yes"]);
    expect(transactions).toMatchObject([{ method: "depositWithPermit", sent: true }]);
    const { balance } = await new GroupView(scene.provider, group).escrow();
    expect(balance - before.balance).toBe(5n * 10n ** 18n);
    const token = new Contract(scene.token, tokenAbi, scene.provider);
    expect(await token.getFunction("allowance")(scene.payer.address, group)).toBe(0n);
  });

  it("is refused for a token without permits, and for the chain's coin", async () => {
    const feeToken = await deployContract("FeeToken", await scene.provider.getSigner(0), []);
    const { factory } = scene.deployment;
    const make = (factory.connect(scene.payer) as Contract).getFunction("createGroup");
    const groups: string[] = [];
    for (const token of [await feeToken.getAddress(), coin]) {
      const config = { ...params, token, merkle: false };
      groups.push(await make.staticCall(config, keepersOf()));
      await (await make(config, keepersOf())).wait();
    }
    await (await feeToken.getFunction("transfer")(scene.payer.address, 10n ** 20n)).wait();
    const [plain, inCoin] = await Promise.all(
      groups.map((group) => scene.run(["group", "fund", "1", "--permit", "--group", group, "--yes"])),
    );
    expect(refusal(plain as CliResult)).toMatchObject({
      code: 2,
      said: expect.stringMatching(
        /does not accept a permit.*\n +expected: a token with EIP-2612\n +hint: +deposit without/,
      ),
    });
    expect(refusal(inCoin as CliResult)).toMatchObject({
      code: 2,
      said: expect.stringContaining("the chain's coin needs no permit"),
    });
  });
});

describe("a permit for another token", () => {
  it("is never signed, even if the token or the endpoint lies", async () => {
    const group = await createGroup(scene.deployment, scene.payer, params, keepersOf());
    const front = await RpcFront.open(scene.rpc);
    onTestFinished(() => front.close());
    const victim = `0x${"77".repeat(20)}`;
    const domain = { name: "USD", version: "1", chainId: 31_337n, verifyingContract: victim };
    const lies = new Map([
      ["DOMAIN_SEPARATOR", [TypedDataEncoder.hashDomain(domain)]],
      ["eip712Domain", ["0x0f", domain.name, domain.version, domain.chainId, victim, ZeroHash, []]],
    ]);
    front.lie("liar", (method, args, result) => {
      const { data = "" } = (args[0] ?? {}) as { data?: string };
      const name = method === "eth_call" ? tokenAbi.getFunction(data.slice(0, 10))?.name : undefined;
      const lie = lies.get(name ?? "");
      return lie === undefined || name === undefined ? result : tokenAbi.encodeFunctionResult(name, lie);
    });
    const provider = await connectRpc(front.url("liar"));
    onTestFinished(() => provider.destroy());
    const signed: unknown[] = [];
    class Watched extends Wallet {
      override signTypedData(...parts: Parameters<Wallet["signTypedData"]>): Promise<string> {
        signed.push(parts[0]);
        return super.signTypedData(...parts);
      }
    }
    const signer = new Watched(scene.payer.privateKey, provider);
    const token = { address: scene.token, symbol: "WPD", decimals: 18 };
    const permit = (): Promise<unknown> => signPermit(signer, token, { spender: group, amount: 5n });
    await expect(permit()).rejects.toMatchObject({
      code: "input",
      message: expect.stringContaining("does not accept a permit"),
    });
    expect(signed).toEqual([]);
    // With honest answers it signs a permit for the group's token.
    front.tellTruth("liar");
    await permit();
    expect(signed).toEqual([expect.objectContaining({ verifyingContract: scene.token })]);
  });
});

describe("whitepay group sync", () => {
  it("books tokens sent to the group's address, and reports if there are none", async () => {
    const group = await createGroup(scene.deployment, scene.payer, params, keepersOf());
    const nothing = await scene.run(["group", "sync", "--group", group, "--yes"]);
    expect(refusal(nothing)).toEqual({
      code: 5,
      said: expect.stringMatching(
        /has no unbooked tokens\n +expected: more than 1000 WPD\n +actual: +1000 WPD\n +hint: +send tokens/,
      ),
    });
    const token = scene.deployment.token.connect(scene.payer) as Contract;
    await (await token.getFunction("transfer")(group, 7n * 10n ** 18n)).wait();
    // Any account may call sync.
    const { code, stderr } = await scene.run(["group", "sync", "--group", group, "--yes", ...stranger]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("booking 7 WPD");
    expect((await new GroupView(scene.provider, group).escrow()).balance).toBe(1_007n * 10n ** 18n);
  });
});

describe("abandoning", () => {
  it("is possible from its block on, for payer and providers, and pays without a committee", async () => {
    const { group, provider } = await groupWith("abandon", 21_301);
    const view = new GroupView(scene.provider, group);
    const { settledThrough } = await view.state();
    const possible = settledThrough + params.interval + params.lockup;
    const head = await scene.provider.getBlockNumber();
    const [early, foreign] = await Promise.all([
      scene.run(["group", "abandon", "--group", group, "--yes"]),
      scene.run(["group", "abandon", "--group", group, "--yes", ...stranger]),
    ]);
    expect(refusal(early)).toEqual({
      code: 4,
      said: expect.stringMatching(
        new RegExp(`rule R34: .*\\n +expected: block ${possible} or later\\n +actual: +block ${head}`),
      ),
    });
    expect(refusal(foreign)).toEqual({
      code: 4,
      said: expect.stringMatching(
        /rule R34: .*\n +expected: the payer, or a provider.*\n +actual: +0x[0-9a-fA-F]{40}\n/,
      ),
    });
    const touch = (which: string): Promise<CliResult> =>
      scene.run(["group", "touch", which, "--group", group, "--yes", ...stranger]);
    expect(refusal(await touch("0"))).toEqual({
      code: 5,
      said: expect.stringMatching(
        /has no uncredited abandoned interval\n +expected: .*R34.*\n +actual: +none/,
      ),
    });
    expect(refusal(await touch("9"))).toMatchObject({
      code: 2,
      said: expect.stringContaining("no provider 9"),
    });
    await scene.mine(possible - head);
    const { transactions } = done(
      await asProvider(provider, ["abandon", "--group", group, "--yes", "--json"]),
    );
    expect(transactions).toMatchObject([{ method: "abandon", sent: true }]);
    expect((await view.state()).settledThrough).toBeGreaterThan(settledThrough);
    const touched = await touch(provider.operator);
    expect(touched.code, touched.stderr).toBe(0);
    expect((await view.providers())[0]?.credited).toBeGreaterThan(0n);
    const withdrawn = await asProvider(provider, ["withdraw", "--group", group, "--yes", "--json"]);
    expect(done(withdrawn).transactions).toMatchObject([{ method: "withdrawProvider", sent: true }]);
    const [account] = await view.providers();
    expect(account?.withdrawn).toBeGreaterThan(0n);
    const again = await scene.run(["group", "abandon", "--group", group, "--yes"]);
    expect(again.code).toBe(4);
  });
});

describe("whitepay keeper resign", () => {
  it("resigns an existing seat, once", async () => {
    const group = await createGroup(scene.deployment, scene.payer, params, keepersOf());
    const { rpc, registry } = scene;
    const config = async (index: number): Promise<string> => {
      const keeper = scene.keepers[index] as (typeof scene.keepers)[number];
      return writeKeeperConfig(keeper, { rpc: [rpc], chainId: 31_337, registry, group });
    };
    const [member, outsider] = [await config(2), await config(4)];
    const resign = (file: string, ...flags: string[]): Promise<CliResult> =>
      runCli(["keeper", "resign", group, "--config", file, "--json", ...flags]);
    expect(done(await resign(member, "--dry-run")).transactions).toMatchObject([{ sent: false }]);
    const resigned = await resign(member, "--yes");
    expect(done(resigned).transactions).toMatchObject([{ method: "resign", sent: true }]);
    expect(resigned.stderr).toContain("next: tell the payer");
    const contract = new Contract(group, groupAbi, scene.provider);
    expect(await contract.getFunction("resigned")()).toBe(4n);
    expect(refusal(await resign(member, "--yes"))).toEqual({
      code: 4,
      said: expect.stringMatching(/resigned \(index 2\).* R33/),
    });
    expect(refusal(await resign(outsider, "--yes"))).toEqual({
      code: 2,
      said: expect.stringMatching(/is not a keeper of group .*\n +expected: 0x/),
    });
  });
});

describe("a seat accepted by signature", () => {
  it("is signed by the keeper, sent by any account, and accepted once", async () => {
    const group = await createGroup(scene.deployment, scene.payer, params, keepersOf());
    const { rpc, registry } = scene;
    const comer = scene.keepers[4] as (typeof scene.keepers)[number];
    const config = await writeKeeperConfig(comer, { rpc: [rpc], chainId: 31_337, registry, group });
    const sign = (): Promise<CliResult> => runCli(["keeper", "accept", group, "--sign", "--config", config]);
    expect(refusal(await sign())).toMatchObject({
      code: 2,
      said: expect.stringContaining("no proposed committee"),
    });
    const [old = ""] = keepersOf();
    await scene.json(["group", "replace-keeper", old, comer.operator, "--group", group, "--yes"]);
    const signed = await sign();
    expect(signed.code, signed.stderr).toBe(0);
    const file = join(scene.folder, "seat.json");
    await writeFile(file, signed.stdout);
    const send = (...flags: readonly string[]): Promise<CliResult> =>
      scene.run(["group", "accept-seat", file, "--group", group, "--yes", ...flags]);
    const sent = await send(...stranger, "--json");
    expect(done(sent).transactions).toMatchObject([{ method: "acceptSeatBySignature", sent: true }]);
    expect((await new GroupView(scene.provider, group).pendingCommittee()).accepted).toEqual([0]);
    expect(refusal(await send())).toEqual({
      code: 4,
      said: expect.stringContaining("R33"),
    });
    // The operator is another keeper, but the signature is of this one.
    const forged = { ...(JSON.parse(signed.stdout) as object), operator: keepersOf()[1] };
    await writeFile(file, JSON.stringify(forged));
    expect(refusal(await send())).toEqual({
      code: 4,
      said: expect.stringMatching(new RegExp(`expected: ${forged.operator}\\n +actual: +${comer.operator}`)),
    });
    await writeFile(file, JSON.stringify({ ...forged, signature: "0x12" }));
    expect(refusal(await send())).toMatchObject({
      code: 2,
      said: expect.stringContaining("expected a signature"),
    });
  });
});

describe("whitepay provider revoke-consent", () => {
  it("voids an unused consent", async () => {
    const group = await createGroup(scene.deployment, scene.payer, params, keepersOf());
    const provider = await storingProvider(scene, "revoke", 21_302);
    const consent = join(scene.folder, "revoke.consent");
    await provider.consent(group, consent);
    const revoked = await asProvider(provider, ["revoke-consent", "--group", group, "--yes", "--json"]);
    expect(done(revoked).transactions).toMatchObject([{ method: "revokeConsent", sent: true }]);
    expect(revoked.stderr).toMatch(/void from now on +consent 1/);
    const late = await scene.run(["group", "add-provider", consent, "--group", group, "--yes"]);
    expect(refusal(late)).toEqual({
      code: 4,
      said: expect.stringMatching(
        /rule R33: consents are used in the order of their sequence\n +expected: 2\n +actual: +1\n/,
      ),
    });
    await provider.consent(group, consent);
    await scene.json(["group", "add-provider", consent, "--group", group, "--yes"]);
  });

  it("refuses an address without a group, and an endpoint that does not answer", async () => {
    const provider = await storingProvider(scene, "nowhere", 21_303);
    const nobody = `0x${"12".repeat(20)}`;
    const [unknown, dead] = await Promise.all([
      asProvider(provider, ["revoke-consent", "--group", nobody, "--yes"]),
      asProvider(provider, ["revoke-consent", "--group", nobody, "--yes", "--rpc", "http://127.0.0.1:1"]),
    ]);
    expect(refusal(unknown)).toMatchObject({
      code: 2,
      said: expect.stringContaining("there is no group at"),
    });
    expect(refusal(dead)).toMatchObject({ code: 3 });
  });
});

describe("collecting arrears", () => {
  it("credits arrears to a removed provider after a deposit", async () => {
    const { group, provider } = await groupWith("arrears", 21_304);
    const view = new GroupView(scene.provider, group);
    const collect = (...flags: string[]): Promise<CliResult> =>
      asProvider(provider, ["collect-arrears", "--group", group, "--yes", ...flags]);
    expect(refusal(await collect())).toEqual({
      code: 5,
      said: expect.stringMatching(
        /no group owes arrears to .*\n +expected: arrears above 0 \(R32\)\n +actual: +0\n/,
      ),
    });
    const none = await scene.run(["group", "collect-arrears", "7", "--group", group, "--yes"]);
    expect(refusal(none)).toMatchObject({ code: 2, said: expect.stringContaining("has no provider 7") });
    await scene.json(["group", "withdraw", "all", "--group", group, "--yes"]);
    // Only the reserve is left; further blocks use it up.
    while (((await view.providers())[0]?.arrears ?? 0n) === 0n) await settleNext(scene, group);
    await scene.json(["group", "remove-provider", "0", "--group", group, "--yes"]);
    while (!((await view.providers())[0]?.closed ?? true)) await settleNext(scene, group);
    expect(refusal(await collect())).toEqual({
      code: 5,
      said: expect.stringMatching(
        /has no money for its arrears\n +expected: .* for provider 0\n +actual: +0 WPD\n/,
      ),
    });
    await scene.json(["group", "fund", "100", "--group", group, "--yes"]);
    const owed = (await view.providers())[0]?.arrears ?? 0n;
    const { transactions } = done(await collect("--json"));
    expect(transactions).toMatchObject([{ method: "collectArrears", sent: true }]);
    const [account] = await view.providers();
    expect(account).toMatchObject({ arrears: 0n });
    expect(account?.credited).toBeGreaterThanOrEqual(owed);
    const nothing = await scene.run(["group", "collect-arrears", "0", "--group", group, "--yes"]);
    expect(refusal(nothing)).toMatchObject({
      code: 5,
      said: expect.stringContaining("owes provider 0 no arrears"),
    });
  });
});
