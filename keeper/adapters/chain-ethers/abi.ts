/** The ABI of the contracts, parsed for ethers. */
import { Interface } from "ethers";
import * as abi from "../../../protocol/abi.ts";

export const factoryAbi = new Interface(abi.factoryAbi);
export const committeeAbi = new Interface(abi.committeeAbi);
export const groupAbi = new Interface(abi.groupAbi);
export const registryAbi = new Interface(abi.registryAbi);
