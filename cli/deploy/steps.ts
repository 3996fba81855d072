/** The transactions of a deployment, and what they cost. */
import { concat, Contract, getBytes, type Signer } from "ethers";
import type { TransactionPlan } from "../chain/transact.ts";
import { proxyAddress, proxyCost, proxySigner, salt } from "./proxy.ts";
import type { Survey } from "./survey.ts";
import { deployerCreation, partNames, type PartName, type SystemCode } from "./system.ts";

/** `proxy` is the transaction that was signed once; the account sends the others. */
export type Step = "fund" | "proxy" | "deployer" | PartName;

/** The steps that remain, in order. */
export function missingSteps({ way, hasProxy, isProxyFunded, hasDeployer, created }: Survey): Step[] {
  const steps: Step[] = [];
  if (way === "proxy" && !hasProxy) steps.push(...(isProxyFunded ? [] : ["fund" as const]), "proxy");
  if (!hasDeployer) steps.push("deployer");
  return [...steps, ...partNames.slice(created)];
}

export const stepTexts: Readonly<Record<Step, string>> = {
  fund: "sending the deployment proxy's account what its transaction costs",
  proxy: "creating the deployment proxy by its pre-signed transaction",
  deployer: "creating the deployer, which creates the others",
  Registry: "creating the registry",
  Committee: "creating the code that committees share",
  UpkeepingDesk: "creating the code for rare calls of groups",
  Upkeeping: "creating the code that groups share",
  UpkeepingFactory: "creating the factory of committees and groups",
  Lens: "creating the lens",
  ReadVouchers: "creating the contract of paid reading",
};

/** The plan of a step of the account. */
export function planStep(
  step: Exclude<Step, "proxy">,
  { way, layout }: Survey,
  code: SystemCode,
  signer: Signer,
): TransactionPlan {
  const what = stepTexts[step];
  if (step === "fund") {
    const contract = new Contract(proxySigner, [], signer);
    return {
      what,
      contract,
      method: "transfer",
      args: [],
      raw: { kind: "transfer", data: "0x" },
      value: proxyCost,
    };
  }
  if (step === "deployer") {
    const shows = [["address", layout.deployer]] as const;
    const creation = deployerCreation(code);
    if (way === "nonce") {
      const contract = new Contract(layout.deployer, code.deployer.abi, signer);
      return {
        what,
        contract,
        method: "constructor",
        args: [],
        shows,
        raw: { kind: "creation", data: creation },
      };
    }
    const contract = new Contract(proxyAddress, [], signer);
    const data = concat([salt, creation]);
    return { what, contract, method: "CREATE2", args: [], shows, raw: { kind: "call", data } };
  }
  // A constructor's reason comes through the deployer as it is.
  const abi = [
    ...(code.deployer.abi as readonly object[]),
    ...errorsOf(code.parts[step].abi as readonly object[]),
  ];
  const contract = new Contract(layout.deployer, abi, signer);
  const shows = [["address", layout.parts[step]]] as const;
  return { what, contract, method: "create", args: [code.parts[step].creation], shows };
}

const errorsOf = (abi: readonly object[]): object[] =>
  abi.filter((entry) => (entry as { type: string }).type === "error");

/** Prices of the EVM (Yellow Paper; EIP-2028, EIP-3860, EIP-7623). */
const gas = {
  transaction: 21_000,
  create: 32_000,
  codeByte: 200,
  initWord: 2,
  hashWord: 6,
  copyWord: 3,
  newSlot: 22_100,
  token: 4,
  floorToken: 10,
} as const;

/** Gas of the proxy's transaction; its limit is 100,000. */
const proxyGas = 70_000;
/** Checks, arguments, memory and the event of one call of the deployer. */
const callOverhead = 40_000;

function tokensOf(data: string): number {
  return getBytes(data).reduce((sum, byte) => sum + (byte === 0 ? 1 : 4), 0);
}

/**
 * About the gas of a step. An estimate of the node is not possible before the step before it is done.
 */
export function gasOf(step: Step, code: SystemCode): number {
  if (step === "fund") return gas.transaction;
  if (step === "proxy") return proxyGas;
  const compiled = step === "deployer" ? code.deployer : code.parts[step];
  const creation = step === "deployer" ? deployerCreation(code) : compiled.creation;
  const words = (creation.length - 2) / 64;
  const runtime = (compiled.runtime.length - 2) / 2;
  const slots = step === "deployer" ? partNames.length * gas.newSlot : callOverhead;
  const work =
    gas.create + gas.codeByte * runtime + words * (gas.initWord + gas.hashWord + 4 * gas.copyWord) + slots;
  const tokens = tokensOf(creation);
  return Math.round(gas.transaction + Math.max(gas.token * tokens + work, gas.floorToken * tokens));
}
