/** The contracts' interfaces as ethers objects. */
import { Interface } from "ethers";
import * as abi from "../protocol/abi.ts";

export const groupAbi = new Interface(abi.groupAbi);
export const committeeAbi = new Interface(abi.committeeAbi);
export const factoryAbi = new Interface(abi.factoryAbi);
export const lensAbi = new Interface(abi.lensAbi);
export const registryAbi = new Interface(abi.registryAbi);
export const vouchersAbi = new Interface(abi.vouchersAbi);
export const tokenAbi = new Interface(abi.tokenAbi);
