/** The recorded transactions on an EVM in JavaScript, which shares no code with the chain that recorded them. */
import { createBlock } from "@ethereumjs/block";
import { createCustomCommon, Hardfork, Mainnet } from "@ethereumjs/common";
import { createTxFromRLP } from "@ethereumjs/tx";
import {
  bytesToHex,
  createAccount,
  createAddressFromString,
  hexToBytes,
  type Address,
} from "@ethereumjs/util";
import { createVM, runTx, type VM } from "@ethereumjs/vm";
import type { EVMMockBlockchainInterface } from "@ethereumjs/evm";
import type { Log, Outcome, RecordedTransaction, Recording } from "./recording.ts";

type Hex = `0x${string}`;

/** More than all transactions can cost; what is spent on gas is no part of what is compared. */
const coins = 10n ** 30n;

export type Replay = {
  outcomes: Outcome[];
  /** Root of a contract's storage. */
  storageRoot(address: Hex): Promise<Hex>;
  codeHash(address: Hex): Promise<Hex>;
  /** Slots of a contract that were ever written. */
  slotsOf(address: Hex): Hex[];
};

/** Runs every transaction of a recording in its block, from an empty state on. */
export async function replay(recording: Recording): Promise<Replay> {
  const common = createCustomCommon({ chainId: recording.chainId }, Mainnet, { hardfork: Hardfork.Osaka });
  const vm = await createVM({ common, blockchain: blockchainOf(recording.hashes) });
  for (const sender of new Set(recording.transactions.map(({ from }) => from))) {
    await vm.stateManager.putAccount(createAddressFromString(sender), createAccount({ balance: coins }));
  }
  const slots = noteSlots(vm);
  const outcomes: Outcome[] = [];
  for (const transaction of recording.transactions) outcomes.push(await run(vm, transaction));
  const account = async (address: Hex): Promise<{ storageRoot: Uint8Array; codeHash: Uint8Array }> => {
    const found = await vm.stateManager.getAccount(createAddressFromString(address));
    if (found === undefined) throw new Error(`account ${address}: expected one, actual none`);
    return found;
  };
  return {
    outcomes,
    storageRoot: async (address) => bytesToHex((await account(address)).storageRoot),
    codeHash: async (address) => bytesToHex((await account(address)).codeHash),
    slotsOf: (address) => [...(slots.get(address) ?? [])],
  };
}

/** Notes every slot that is written from now on, by contract. */
function noteSlots({ stateManager }: VM): Map<string, Set<Hex>> {
  const slots = new Map<string, Set<Hex>>();
  const put = stateManager.putStorage.bind(stateManager);
  stateManager.putStorage = async (address, slot, value) => {
    const known = slots.get(address.toString()) ?? new Set<Hex>();
    slots.set(address.toString(), known.add(bytesToHex(slot)));
    return put(address, slot, value);
  };
  return slots;
}

async function run(vm: VM, { raw, block }: RecordedTransaction): Promise<Outcome> {
  const { common } = vm;
  const { number, timestamp, gasLimit, baseFeePerGas, coinbase, mixHash } = block;
  const header = { number, timestamp, gasLimit, baseFeePerGas, coinbase, mixHash };
  const result = await runTx(vm, {
    tx: createTxFromRLP(hexToBytes(raw), { common }),
    block: createBlock({ header }, { common, skipConsensusFormatValidation: true }),
  });
  const failed = result.execResult.exceptionError !== undefined;
  return {
    status: failed ? 0 : 1,
    gasUsed: result.totalGasSpent,
    contract: failed ? undefined : addressText(result.createdAddress),
    logs: result.receipt.logs.map(logOf),
  };
}

function addressText(address: Address | undefined): Hex | undefined {
  return address?.toString();
}

function logOf([address, topics, data]: [Uint8Array, Uint8Array[], Uint8Array]): Log {
  return { address: bytesToHex(address), topics: topics.map(bytesToHex), data: bytesToHex(data) };
}

/** Hashes of the recorded blocks, for the opcode that asks for them. */
function blockchainOf(hashes: readonly Hex[]): EVMMockBlockchainInterface {
  const blockchain: EVMMockBlockchainInterface = {
    getBlock: async (number) => ({ hash: () => hexToBytes(hashes[number] as Hex) }),
    putBlock: async () => undefined,
    shallowCopy: () => blockchain,
  };
  return blockchain;
}
