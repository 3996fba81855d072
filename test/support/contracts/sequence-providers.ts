/** Calls about a group's providers, each on the contract and on the model. */
import type { Wallet } from "ethers";
import { range } from "./basics.ts";
import { effectiveFrom, servedBy } from "./model/commitments.ts";
import * as funds from "./model/funds.ts";
import * as providers from "./model/providers.ts";
import { found, groupOf } from "./model/world.ts";
import type { Player } from "./sequence-player.ts";
import type { ConsentFlaw } from "./sequence-steps.ts";

const root = `0x${"5a".repeat(32)}`;

export class ProviderPlayer {
  readonly #player: Player;

  constructor(player: Player) {
    this.#player = player;
  }

  async data(
    kind: "add" | "change",
    index: number,
    { who, size, price, flaw }: { who: number; size: bigint; price: bigint; flaw: ConsentFlaw },
  ): Promise<void> {
    const provider = this.#player.providerAt(index, who);
    const operator =
      kind === "add" ? who % this.#player.stage.operators.length : this.#player.operatorOf(index, provider);
    const wallet = found(this.#player.stage.operators[operator], "operator");
    const block = (await this.#player.block()) + 1;
    const group = groupOf(this.#player.model, index);
    const sequence = BigInt((group.sequences.get(operator) ?? 0) + (flaw === "sequence" ? 2 : 1));
    const deadline = BigInt(flaw === "deadline" ? block - 1 : block);
    const terms = { root, size, price, receiptKey: wallet.address, sequence, deadline };
    const signer = flaw === "signer" ? this.#player.stage.stranger : wallet;
    const signature = await this.#consent(signer, index, block, provider, kind, terms);
    const consent = { operator, size, price, flaw };
    const contract = this.#player.group(index);
    if (kind === "add") {
      await this.#player.both(
        this.#player.payerOf(index),
        contract,
        "addProvider",
        [wallet.address, terms, signature],
        (next, at) => providers.addProvider(next, groupOf(next, index), at, consent),
      );
    } else {
      await this.#player.both(
        this.#player.payerOf(index),
        contract,
        "changeData",
        [provider, terms, signature],
        (next, at) => providers.changeData(next, groupOf(next, index), at, provider, consent),
      );
    }
  }

  /** R33: consent names the committee that serves the block in which it takes effect. */
  async #consent(
    signer: Wallet,
    index: number,
    block: number,
    provider: number,
    kind: "add" | "change",
    terms: Readonly<Record<string, unknown>>,
  ): Promise<string> {
    const { chain } = this.#player.stage.world;
    const group = groupOf(this.#player.model, index);
    const last = kind === "change" ? group.providers[provider]?.data.at(-1)?.from : undefined;
    const from = Math.max(effectiveFrom(this.#player.model, group, block), last ?? 0);
    const serving = servedBy(group, from);
    const committee =
      serving === undefined ? `0x${"0".repeat(40)}` : this.#player.stage.committees[serving]?.address;
    const domain = {
      name: "WhitePay",
      version: "2",
      chainId: chain.chainId,
      verifyingContract: this.#player.addressOf(index),
    };
    const types = {
      ProviderData: [
        { name: "committee", type: "address" },
        { name: "root", type: "bytes32" },
        { name: "size", type: "uint64" },
        { name: "price", type: "uint80" },
        { name: "receiptKey", type: "address" },
        { name: "sequence", type: "uint64" },
        { name: "deadline", type: "uint64" },
      ],
    };
    return signer.signTypedData(domain, types, { committee, ...terms });
  }

  /** One change more than R33 allows, each for another slot. */
  async burst(index: number, who: number): Promise<void> {
    for (const i of range(17)) {
      await this.data("change", index, { who, size: BigInt(i + 1), price: 1n, flaw: "none" });
      await this.#player.reach((await this.#player.block()) + 5);
    }
  }

  async call(kind: "remove" | "notice" | "collect" | "pull", index: number, who: number): Promise<void> {
    const provider = this.#player.providerAt(index, who);
    const operator = found(
      this.#player.stage.operators[this.#player.operatorOf(index, provider)],
      "operator",
    );
    const contract = this.#player.group(index);
    const calls = {
      remove: () =>
        this.#player.both(this.#player.payerOf(index), contract, "removeProvider", [provider], (next, at) =>
          providers.leave(next, groupOf(next, index), at, provider, "payer"),
        ),
      notice: () =>
        this.#player.both(operator, contract, "giveNotice", [provider], (next, at) =>
          providers.leave(next, groupOf(next, index), at, provider, "provider"),
        ),
      collect: () =>
        this.#player.both(this.#player.stage.stranger, contract, "collectArrears", [provider], (next, at) =>
          funds.collectArrears(groupOf(next, index), at, provider),
        ),
      pull: () =>
        this.#player.both(operator, contract, "withdrawProvider", [provider], (next) =>
          funds.withdrawProvider(groupOf(next, index), provider),
        ),
    };
    await calls[kind]();
  }
}
