/** `node scripts/docs/client-abi.ts` writes client/abi.ts from the compiled contracts; a test says when it is stale. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Interface } from "ethers";
import { compileContracts } from "../contracts/compile.ts";
import { artifact } from "../contracts/artifacts.ts";
import { projectRoot } from "../paths.ts";

const kinds = ["function", "event", "error"];
/** The contracts whose code runs behind an address, which may refuse with errors of libraries too. */
const codeOf = {
  group: ["Upkeeping", "UpkeepingEscrow", "UpkeepingMembers"],
  factory: ["UpkeepingFactory"],
  // Hashing to the curve reverts in assembly, which no artifact tells.
  registry: ["Registry", "BLSHarness"],
} as const;
const ofHarness = /^error BLS_/;
const ofTokens = [
  "function name() view returns (string)",
  "function symbol() view returns (string)",
  "function decimals() view returns (uint8)",
  "function balanceOf(address account) view returns (uint256)",
  "function allowance(address owner, address spender) view returns (uint256)",
  "function approve(address spender, uint256 amount) returns (bool)",
  "function nonces(address owner) view returns (uint256)",
  "function DOMAIN_SEPARATOR() view returns (bytes32)",
  "function eip712Domain() view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)",
  "function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)",
  "error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed)",
  "error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)",
  "error ERC2612ExpiredSignature(uint256 deadline)",
  "error ERC2612InvalidSigner(address signer, address owner)",
];

function lines(name: string): string[] {
  const { fragments } = new Interface(artifact(name).abi);
  return [...fragments]
    .sort((a, b) => kinds.indexOf(a.type) - kinds.indexOf(b.type))
    .map((fragment) => fragment.format("full"));
}

/** An interface, and every further error that the code behind it may answer with. */
function whole(name: string, code: readonly string[]): string[] {
  const own = lines(name);
  const errors = code.flatMap((contract) =>
    lines(contract).filter(
      (line) => line.startsWith("error ") && (contract !== "BLSHarness" || ofHarness.test(line)),
    ),
  );
  return [...new Set([...own, ...errors])];
}

function block(name: string, all: readonly string[]): string {
  return `export const ${name} = new Interface([\n${all.map((line) => `  ${JSON.stringify(line)},`).join("\n")}\n]);\n`;
}

/** The text of the file. The contracts must be compiled. */
export function clientAbi(): string {
  const group = whole("IUpkeeping", codeOf.group);
  const factory = whole("IUpkeepingFactory", codeOf.factory);
  const registry = whole("IRegistry", codeOf.registry);
  return `/**
 * The whole interfaces of the contracts, as ethers reads them, so that the client needs no build of them. Made by
 * \`node scripts/docs/client-abi.ts\`; a test says when it is stale.
 */
import { Interface } from "ethers";

/** A group: \`contracts/interfaces/IUpkeeping.sol\`, with every error that its code may answer with. */
${block("groupAbi", group)}
/** The factory of groups: \`contracts/interfaces/IUpkeepingFactory.sol\`, with every error that it may answer with. */
${block("factoryAbi", factory)}
/** Keepers and providers: \`contracts/interfaces/IRegistry.sol\`. */
${block("registryAbi", registry)}
/** What is used of an ERC-20 token, with permits (EIP-2612) where it has them. */
${block("tokenAbi", ofTokens)}`;
}

if (import.meta.main) {
  await compileContracts();
  await writeFile(join(projectRoot, "client/abi.ts"), clientAbi());
}
