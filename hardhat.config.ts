import { createRequire } from "node:module";
import hardhatEthers from "@nomicfoundation/hardhat-ethers";
import { defineConfig } from "hardhat/config";

// The compiler comes out of node_modules, so compiling never downloads anything.
const require = createRequire(import.meta.url);

// A build of its own for measuring coverage: instrumented code must never be mistaken for the real one.
const build = process.env["WHITEPAY_COVERAGE_BUILD"];

/** @param runs calls that the optimiser expects of each contract in its life */
function compiler(runs: number) {
  return {
    version: "0.8.37",
    path: require.resolve("solc/soljson.js"),
    settings: { optimizer: { enabled: true, runs }, evmVersion: "osaka", viaIR: true },
  };
}

export default defineConfig({
  plugins: [hardhatEthers],
  paths: {
    sources: "./contracts",
    ...(build === undefined ? {} : { artifacts: `${build}/artifacts`, cache: `${build}/cache` }),
  },
  solidity: {
    compilers: [compiler(10_000)],
    // The code of a group, and of a committee, is near the limit of size: optimised for calls alone it would be a tenth larger.
    overrides: {
      "contracts/Upkeeping.sol": compiler(1_000),
      "contracts/UpkeepingDesk.sol": compiler(100),
      "contracts/Committee.sol": compiler(700),
    },
  },
  coverage: { skipFiles: ["contracts/harness/**", "contracts/demo/**", "contracts/interfaces/**"] },
  networks: {
    // One in-process EDR chain with Osaka rules; the demo's node listens on loopback only.
    hardhat: {
      type: "edr-simulated",
      chainType: "l1",
      hardfork: "osaka",
      chainId: 31337,
      // Instrumented code is longer than a contract may be.
      allowUnlimitedContractSize: build !== undefined,
    },
  },
});
