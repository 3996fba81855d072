/** A transaction that another one overtakes after the last simulation: a node that executes it at once reports the revert. */
import { Wallet, type TransactionRequest, type TransactionResponse } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as client from "../../../client/index.ts";
import { ClientWorld } from "../../support/contracts/client-world.ts";

let scene: ClientWorld;

beforeAll(async () => {
  scene = await ClientWorld.open();
});
afterAll(() => scene.chain.close());

/** The same account in two programs: the other program sends its transaction just before each one of this wallet. */
class OvertakenWallet extends Wallet {
  readonly #other: () => Promise<unknown>;

  constructor(account: Wallet, other: () => Promise<unknown>) {
    super(account.privateKey, account.provider);
    this.#other = other;
  }

  override async sendTransaction(request: TransactionRequest): Promise<TransactionResponse> {
    await this.#other();
    return super.sendTransaction(request);
  }
}

it("is refused with rule, expected and actual value", async () => {
  const committee = await scene.form(await scene.world.keepers(4));
  const { at } = await scene.group(committee, { deposit: 10n ** 20n });
  const plan = await client.planWithdraw(scene.payer, at, { amount: "all" });
  const overtaken = new OvertakenWallet(scene.payer, () => client.send(plan, scene.payer));
  await expect(client.send(plan, overtaken)).rejects.toMatchObject({
    code: "refused",
    message: /^the contract refused .*: underfunded; rule R32/,
  });
});
