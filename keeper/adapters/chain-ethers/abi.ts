/** The ABI of the contracts, parsed for ethers. */
import { Interface } from "ethers";
import * as abi from "../../../protocol/abi.ts";

export const groupAbi = new Interface(abi.groupAbi);
export const registryAbi = new Interface(abi.registryAbi);
export const tokenAbi = new Interface(abi.tokenAbi);
