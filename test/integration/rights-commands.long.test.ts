/** Less frequent commands of all parties on a real chain: their effect, and the message of a refusal. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Contract, TypedDataEncoder, Wallet, ZeroHash } from "ethers";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { registryAbi, tokenAbi } from "../../client/abi.ts";
import { CommitteeView } from "../../client/committee-view.ts";
import { connectRpc } from "../../client/connect.ts";
import { groupCreatedBy, planGroup } from "../../client/group-plans.ts";
import { signPermit } from "../../client/permit.ts";
import { loadKeys } from "../../provider/config.ts";
import { providerIdentity } from "../../provider/identity.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { deployContract } from "../support/contracts/chain.ts";
import { runCli, type CliResult } from "../support/cli.ts";
import { RpcFront } from "../support/fleet/rpc-front.ts";
import {
  accountFlags,
  keeperConfig,
  newGroup,
  payerScene,
  sceneLockup,
  storingProvider,
  type PaidGroup,
  type PayerScene,
  type StoringProvider,
} from "../support/payer-scene.ts";
import { settleNext } from "../support/settling.ts";

const coin = `0x${"00".repeat(20)}`;

let scene: PayerScene;
/** Flags with the key of an account that is in no group. */
let stranger: readonly string[];
beforeAll(async () => {
  scene = await payerScene();
  stranger = await accountFlags(scene, "stranger", Wallet.createRandom().privateKey);
});
afterAll(() => scene.close());

/** A group with one provider that stores its data. */
async function groupWith(
  name: string,
  port: number,
): Promise<{ group: PaidGroup; address: string; provider: StoringProvider }> {
  const group = await newGroup(scene);
  const { address } = group;
  const provider = await storingProvider(scene, name, port, { sizes: [1_000_000] });
  await provider.consent(address, join(scene.folder, `${name}.consent`));
  const consent = `${scene.folder}/${name}.consent`;
  await scene.json(["group", "add-provider", consent, "--group", address, "--yes"]);
  return { group, address, provider };
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
    const { address: group, view } = await newGroup(scene);
    const { escrow: before } = await view.page();
    const dry = await scene.json(["group", "fund", "5", "--permit", "--group", group, "--dry-run"]);
    expect(dry.transactions).toMatchObject([{ method: "depositWithPermit", sent: false }]);
    const { transactions } = await scene.json(["group", "fund", "5", "--permit", "--group", group, "--yes"]);
    expect(transactions).toMatchObject([{ method: "depositWithPermit", sent: true }]);
    const { escrow } = await view.page();
    expect(escrow.available - before.available).toBe(5n * 10n ** 18n);
    const token = new Contract(scene.token, tokenAbi, scene.provider);
    expect(await token.getFunction("allowance")(scene.payer.address, group)).toBe(0n);
  });

  it("is refused for a token without permits, and for the chain's coin", async () => {
    const feeToken = await deployContract("FeeToken", await scene.provider.getSigner(0), []);
    const { world } = scene;
    const groups: string[] = [];
    for (const token of [await feeToken.getAddress(), coin]) {
      const config = await world.config({ token });
      const plan = await planGroup(scene.payer, { factory: scene.factory, config, committee: undefined });
      groups.push(groupCreatedBy(await world.run(plan)) as string);
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
    const { address: group } = await newGroup(scene);
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
    const { address: group, view } = await newGroup(scene);
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
    expect((await view.page()).escrow.available).toBe(1_007n * 10n ** 18n);
  });
});

describe("abandoning", () => {
  it("is possible from its block on, for payer and providers, and credits the providers at once", async () => {
    const { group, address, provider } = await groupWith("abandon", 21_301);
    const { view } = group;
    const activeFrom = (await view.providers())[0]?.activeFrom ?? 0;
    // R34: counted from the first block to which a provider is committed.
    const possible = activeFrom + group.committee.rhythm.interval + sceneLockup;
    const head = await scene.provider.getBlockNumber();
    const abandon = (...flags: readonly string[]): Promise<CliResult> =>
      scene.run(["group", "abandon", "--group", address, "--yes", ...flags]);
    const [early, foreign] = await Promise.all([abandon(), abandon(...stranger)]);
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
    await scene.mine(possible - head);
    const { transactions } = done(
      await asProvider(provider, ["abandon", "--group", address, "--yes", "--json"]),
    );
    expect(transactions).toMatchObject([{ method: "abandon", sent: true }]);
    const { state } = await view.page();
    expect(state.settledThrough).toBeGreaterThan(activeFrom);
    expect(state.service).toBeUndefined();
    const [account] = await view.providers();
    expect(account?.credit).toBeGreaterThan(0n);
    const withdrawn = await asProvider(provider, ["withdraw", "--group", address, "--yes", "--json"]);
    expect(done(withdrawn).transactions).toMatchObject([{ method: "withdrawProviders", sent: true }]);
    expect((await view.page()).escrow.paidOut).toBe(account?.credit);
    expect((await abandon()).code).toBe(4);
  });
});

describe("whitepay keeper resign", () => {
  it("resigns an existing seat, once", async () => {
    const { committee } = await newGroup(scene);
    const [member, outsider] = await Promise.all(
      [2, 4].map((index) => keeperConfig(scene, scene.keepers[index] as (typeof scene.keepers)[number])),
    );
    const resign = (file: string | undefined, ...flags: string[]): Promise<CliResult> =>
      runCli(["keeper", "resign", committee.address, "--config", file ?? "", "--json", ...flags]);
    expect(done(await resign(member, "--dry-run")).transactions).toMatchObject([{ sent: false }]);
    const resigned = await resign(member, "--yes");
    expect(done(resigned).transactions).toMatchObject([{ method: "resign", sent: true }]);
    expect(resigned.stderr).toContain("next: tell the convener");
    const view = new CommitteeView(scene.provider, { address: committee.address, lens: scene.lens });
    expect((await view.page()).resigned).toEqual([2]);
    expect(refusal(await resign(member, "--yes"))).toEqual({
      code: 4,
      said: expect.stringMatching(/rule R37: a member resigns once/),
    });
    expect(refusal(await resign(outsider, "--yes"))).toEqual({
      code: 2,
      said: expect.stringMatching(/is not a keeper of committee .*\n +expected: 0x/),
    });
  });
});

describe("a consent to a proposed version", () => {
  it("is signed by the keeper, sent by any account, and accepted once", async () => {
    const { address: group, committee } = await newGroup(scene);
    const comer = scene.keepers[4] as (typeof scene.keepers)[number];
    const config = await keeperConfig(scene, comer);
    const { address } = committee;
    const sign = (): Promise<CliResult> =>
      runCli(["committee", "accept", address, "--version", "2", "--sign", "--config", config]);
    expect(refusal(await sign())).toMatchObject({
      code: 4,
      said: expect.stringContaining("rule R37: this version does not exist"),
    });
    const [old, other] = scene.keepers.map(({ operator }) => operator) as [string, string];
    await scene.json(["group", "replace-keeper", old, comer.operator, "--group", group, "--yes"]);
    const signed = await sign();
    expect(signed.code, signed.stderr).toBe(0);
    const file = join(scene.folder, "seat.json");
    await writeFile(file, signed.stdout);
    const send = (...flags: readonly string[]): Promise<CliResult> =>
      scene.run(["group", "hand-in-consent", file, "--group", group, "--yes", ...flags]);
    const sent = await send(...stranger, "--json");
    expect(done(sent).transactions).toMatchObject([{ method: "consentFor", sent: true }]);
    const view = new CommitteeView(scene.provider, { address, lens: scene.lens });
    expect((await view.version(2)).consented).toEqual([0]);
    expect(refusal(await send())).toEqual({
      code: 4,
      said: expect.stringContaining("rule R37: an operator consents once"),
    });
    // The operator is another keeper, but the signature is of this one.
    const forged = { ...(JSON.parse(signed.stdout) as object), operator: other };
    await writeFile(file, JSON.stringify(forged));
    expect(refusal(await send())).toEqual({
      code: 4,
      said: expect.stringContaining("rule R37: each member signs its own consent"),
    });
    await writeFile(file, JSON.stringify({ ...forged, signature: "0x1" }));
    expect(refusal(await send())).toMatchObject({
      code: 2,
      said: expect.stringContaining("expected a signature"),
    });
  });
});

describe("whitepay provider revoke-consent", () => {
  it("voids an unused consent", async () => {
    const { address: group } = await newGroup(scene);
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

describe("a provider whose operator is a contract", () => {
  it("consents with the key that the contract accepts, and finds its place in the group", async () => {
    const { address: group } = await newGroup(scene);
    const provider = await storingProvider(scene, "contract", 21_305);
    const keys = await loadKeys(join(provider.dataDir, "keys"), "payer's password");
    const key = new Wallet(toHex(keys.operator), scene.provider);
    const wallet = await deployContract("ContractWallet", key, []);
    const operator = await wallet.getAddress();
    const { peerIdBytes } = await providerIdentity(keys);
    const register = registryAbi.encodeFunctionData("registerProvider", [
      operator,
      peerIdBytes,
      ["/ip4/127.0.0.1/tcp/21305"],
    ]);
    await (await wallet.getFunction("run")(scene.registry, register)).wait();
    const words = ["--operator", operator, "--group", group];
    const consent = await asProvider(provider, ["consent", ...words, "--price-per-month", "2"]);
    expect(consent.code, consent.stderr).toBe(0);
    expect(consent.stderr).toMatch(/^price: \d+ units per 2\^64 byte·blocks: about 2 WPD a TiB and month/m);
    expect(JSON.parse(consent.stdout)).toMatchObject({ operator: operator.toLowerCase() });
    const file = join(scene.folder, "contract.consent");
    await writeFile(file, consent.stdout);
    await scene.json(["group", "add-provider", file, "--group", group, "--yes"]);
    const earnings = await asProvider(provider, ["earnings", ...words, "--json"]);
    expect(JSON.parse(earnings.stdout)).toMatchObject({
      operator,
      groups: [{ account: { index: 0, operator } }],
    });
    // Without the setting the key's own address is the operator, which is no provider of the group.
    const other = await asProvider(provider, ["earnings", "--group", group]);
    expect(other.stderr).toContain("is no provider of group");
  });
});

describe("collecting arrears", () => {
  it("credits arrears to a provider that left after a deposit, and to the keepers", async () => {
    const { group, address, provider } = await groupWith("arrears", 21_304);
    const { view, committee } = group;
    const collect = (...flags: string[]): Promise<CliResult> =>
      asProvider(provider, ["collect-arrears", "--group", address, "--yes", ...flags]);
    expect(refusal(await collect())).toEqual({
      code: 5,
      said: expect.stringMatching(
        /no group owes arrears to .*\n +expected: arrears above 0 \(R32\)\n +actual: +0\n/,
      ),
    });
    const on = ["--group", address, "--yes"];
    const none = await scene.run(["group", "collect-arrears", "7", ...on]);
    expect(refusal(none)).toMatchObject({ code: 2, said: expect.stringContaining("has no provider 7") });
    await scene.json(["group", "withdraw", "all", ...on]);
    // Only what was required is left; the turns that the committee lets lapse use it up.
    const arrears = async (): Promise<bigint> => (await view.providers())[0]?.arrears ?? 0n;
    await scene.mine(sceneLockup);
    await scene.json(["group", "remove-provider", "0", ...on]);
    while (!((await view.providers())[0]?.closed ?? true)) await settleNext(scene, group);
    expect(await arrears()).toBeGreaterThan(0n);
    expect(refusal(await collect())).toEqual({
      code: 5,
      said: expect.stringMatching(/has too little money to collect arrears\n +expected: at least .*\n/),
    });
    await scene.json(["group", "fund", "100", ...on]);
    const [before] = await view.providers();
    const { transactions } = done(await collect("--json"));
    expect(transactions).toMatchObject([{ method: "collectArrears", sent: true }]);
    const [account] = await view.providers();
    expect(account).toMatchObject({ arrears: 0n });
    expect(account?.credit).toBe((before?.credit ?? 0n) + (before?.arrears ?? 0n));
    const nothing = await scene.run(["group", "collect-arrears", "0", ...on]);
    expect(refusal(nothing)).toMatchObject({
      code: 5,
      said: expect.stringContaining("owes provider 0 no arrears"),
    });
    const keepers = ["group", "collect-keeper-arrears", committee.address, "1", ...on];
    expect(await view.keeperArrears(committee.address, 1)).toBeGreaterThan(0n);
    const paid = await scene.json([...keepers, ...stranger]);
    expect(paid.transactions).toMatchObject([{ method: "collectKeeperArrears", sent: true }]);
    expect(await view.keeperArrears(committee.address, 1)).toBe(0n);
    expect(refusal(await scene.run(keepers))).toMatchObject({ code: 5 });
  });
});
