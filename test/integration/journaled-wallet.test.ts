/** Transactions of a payer's command that ends at the worst moments, on a real node: each step counts once. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Transaction, Wallet, type JsonRpcProvider } from "ethers";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { JournaledWallet } from "../../cli/store/journaled-wallet.ts";
import { journalIn } from "../../cli/store/session.ts";
import { StateFolder } from "../../cli/store/state.ts";
import { connectRpc } from "../../client/connect.ts";
import { openDeployScene, richAccount, type DeployScene } from "../support/deploy-scene.ts";
import { temporaryFolder } from "../support/files.ts";
import { RpcFront, type RpcFault } from "../support/fleet/rpc-front.ts";

const sending = "eth_sendRawTransaction";
const refused: RpcFault = { code: -32_000, message: "the node is not ready" };
const chainId = 31_337;

let scene: DeployScene;
let front: RpcFront;
beforeAll(async () => {
  scene = await openDeployScene();
  front = await RpcFront.open(scene.rpc);
});
afterAll(async () => {
  await front.close();
  await scene.close();
});

type Payer = {
  /** Of its endpoint. */
  readonly name: string;
  readonly address: string;
  readonly to: string;
  /** Of the state. */
  readonly file: string;
  /** The wallet of a new run of the command; the one before has ended. */
  run(): Promise<JournaledWallet>;
};

async function newPayer(name: string): Promise<Payer> {
  const { address, privateKey } = await richAccount(scene);
  const dir = await temporaryFolder();
  let [folder, provider]: [StateFolder | undefined, JsonRpcProvider | undefined] = [undefined, undefined];
  const end = async (): Promise<void> => {
    provider?.destroy();
    await folder?.close();
  };
  onTestFinished(end);
  onTestFinished(() => front.recover(name));
  return {
    name,
    address,
    to: Wallet.createRandom().address,
    file: join(dir, "state.json"),
    async run() {
      await end();
      folder = await StateFolder.open(dir, { chainId, payer: address });
      provider = await connectRpc(front.url(name));
      provider.pollingInterval = 50;
      return new JournaledWallet(privateKey, provider, journalIn(folder));
    },
  };
}

const sent = ({ name }: Payer): string[] =>
  front
    .traffic(name)
    .calls.filter(({ method }) => method === sending)
    .map(({ params }) => String(params[0]));
const countOf = ({ address }: Payer, block = "latest"): Promise<number> =>
  scene.provider.getTransactionCount(address, block);
const receivedBy = ({ to }: Payer): Promise<bigint> => scene.provider.getBalance(to);

it("is on the disk before a node gets it", async () => {
  const payer = await newPayer("order");
  const noted: unknown[] = [];
  front.fail(payer.name, (method) => {
    if (method === sending) noted.push(JSON.parse(readFileSync(payer.file, "utf8")));
    return undefined;
  });
  const wallet = await payer.run();
  const { hash } = await wallet.sendTransaction({ to: payer.to, value: 5n });
  const [raw] = sent(payer);
  expect(noted).toMatchObject([{ pending: { hash, raw }, transactions: [hash] }]);
  await wallet.settlePending();
  expect(await receivedBy(payer)).toBe(5n);
  expect(JSON.parse(readFileSync(payer.file, "utf8"))).not.toHaveProperty("pending");
});

it("is sent again, as the same bytes, by the next run if no node got it", async () => {
  const payer = await newPayer("lost");
  front.fail(payer.name, (method) => (method === sending ? refused : undefined));
  await expect((await payer.run()).sendTransaction({ to: payer.to, value: 5n })).rejects.toThrow("not ready");
  front.recover(payer.name);
  await (await payer.run()).settlePending();
  const [first, second, ...more] = sent(payer);
  expect(second).toBe(first);
  expect(more).toEqual([]);
  expect([await countOf(payer), await receivedBy(payer)]).toEqual([1, 5n]);
});

it("is waited for by the next run while it is in a pool, and the next transaction comes behind it", async () => {
  const payer = await newPayer("pool");
  await scene.provider.send("evm_setAutomine", [false]);
  onTestFinished(async () => void (await scene.provider.send("evm_setAutomine", [true])));
  await (await payer.run()).sendTransaction({ to: payer.to, value: 5n });
  const going = (await payer.run()).sendTransaction({ to: payer.to, value: 7n });
  // It has asked for the transaction, and looks for new blocks since.
  const looks = (): string[] => {
    const methods = front.traffic(payer.name).calls.map(({ method }) => method);
    const asked = methods.lastIndexOf("eth_getTransactionByHash");
    return asked < 0 ? [] : methods.slice(asked).filter((method) => method === "eth_blockNumber");
  };
  await vi.waitFor(() => expect(looks().length).toBeGreaterThan(3), { timeout: 60_000 });
  expect([await countOf(payer, "pending"), sent(payer).length]).toEqual([1, 1]);
  await scene.provider.send("evm_mine", []);
  await going;
  await scene.provider.send("evm_mine", []);
  expect([await countOf(payer), await receivedBy(payer)]).toEqual([2, 12n]);
  expect(sent(payer).map((raw) => Transaction.from(raw).nonce)).toEqual([0, 1]);
});

it("is forgotten if another transaction of the account took its place", async () => {
  const payer = await newPayer("replaced");
  front.fail(payer.name, (method) => (method === sending ? refused : undefined));
  const wallet = await payer.run();
  await expect(wallet.sendTransaction({ to: payer.to, value: 5n })).rejects.toThrow("not ready");
  front.recover(payer.name);
  const elsewhere = new Wallet(wallet.privateKey, scene.provider);
  await (await elsewhere.sendTransaction({ to: payer.to, value: 7n })).wait();
  const next = await payer.run();
  await next.settlePending();
  expect([await countOf(payer), await receivedBy(payer), sent(payer).length]).toEqual([1, 7n, 1]);
  await (await next.sendTransaction({ to: payer.to, value: 1n })).wait();
  expect(await receivedBy(payer)).toBe(8n);
});
