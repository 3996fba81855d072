/** The import table of docs/architecture.md as data, and the check that applies it. */
import { posix } from "node:path";
import { findInCode, importsOf } from "../../scripts/typescript-source.ts";

type Rule = {
  /** The folder or file of this rule, from the project's root. */
  area: string;
  /** Folders, files or package names that it may import from; a folder ends with a slash, a package may end with `/*`. */
  may: readonly string[];
  /** Exceptions from `may`. */
  not?: readonly string[];
  /** It may import only types from these. */
  typesOf?: readonly string[];
};

const hashing = ["@noble/hashes/*"];

/** The first rule that matches a file applies, so narrow areas come before wide ones. */
export const importRules: readonly Rule[] = [
  { area: "storage/core/", may: ["storage/core/", ...hashing] },
  { area: "storage/disk/", may: ["storage/disk/", "storage/core/", "node:*"] },
  {
    area: "storage/objects/",
    may: ["storage/objects/", "storage/disk/", "storage/core/", "node:*", "@aws-sdk/client-s3"],
  },
  // Encoded bytes contain hashes and curve points, so the codec uses both libraries.
  { area: "protocol/codec/", may: ["protocol/", "storage/core/", ...hashing, "@noble/curves/*"] },
  { area: "protocol/limits/", may: ["protocol/", "storage/core/"] },
  {
    area: "protocol/",
    may: ["protocol/", "storage/core/", ...hashing],
    not: ["protocol/codec/", "protocol/limits/"],
  },
  // Browsers load these files.
  { area: "daemon/page/", may: ["daemon/page/"] },
  { area: "daemon/", may: ["daemon/", "protocol/", "storage/", "package:*", "node:*"] },
  {
    area: "keeper/core/",
    may: ["keeper/core/", "protocol/", "storage/core/", ...hashing],
    not: ["protocol/codec/", "protocol/limits/"],
  },
  {
    area: "keeper/ports/",
    may: [],
    typesOf: ["keeper/ports/", "keeper/core/", "protocol/", "storage/core/"],
  },
  {
    area: "keeper/runtime/",
    may: ["keeper/runtime/", "keeper/core/", "keeper/ports/", "protocol/", "storage/core/"],
  },
  {
    area: "keeper/adapters/",
    // Within `keeper/adapters/` only its own files: see `isOtherAdapter`.
    may: ["keeper/adapters/", "keeper/ports/", "daemon/", "protocol/", "storage/", "package:*", "node:*"],
    typesOf: ["keeper/core/"],
  },
  // Browsers load these files.
  { area: "keeper/dashboard/", may: ["keeper/dashboard/", "daemon/page/"], typesOf: ["keeper/api/"] },
  { area: "keeper/", may: ["keeper/", "daemon/", "protocol/", "storage/", "package:*", "node:*"] },
  { area: "provider/dashboard/", may: ["provider/dashboard/", "daemon/page/"], typesOf: ["provider/api/"] },
  {
    area: "provider/",
    may: ["provider/", "archive/", "daemon/", "protocol/", "storage/", "package:*", "node:*"],
  },
  {
    area: "provider-sim/",
    may: ["provider-sim/", "provider/", "daemon/", "protocol/", "storage/", "cli/", "package:*", "node:*"],
  },
  // Browsers load these files, too: nothing of Node, no command line.
  {
    area: "client/",
    may: [
      "archive/copies.ts",
      "client/",
      "protocol/",
      "storage/core/",
      "ethers",
      ...hashing,
      "@noble/curves/*",
      "age-encryption",
    ],
  },
  // Browsers load these files.
  {
    area: "archive/page/",
    may: ["archive/", "client/", "daemon/page/", "protocol/", "storage/core/", "zod"],
    typesOf: ["ethers"],
  },
  // Browsers read manifests, too.
  { area: "archive/", may: ["archive/", "protocol/", "storage/core/", ...hashing, "zod"] },
  // Definition and log of a running ceremony: its bytes are those of an archive's files.
  {
    area: "ceremony/running/",
    may: ["ceremony/", "archive/", "protocol/", "storage/core/", ...hashing, "@noble/curves/*", "zod"],
  },
  // Readers of a ceremony's files: pure but for the source that they read from, so browsers load them, too.
  {
    area: "ceremony/",
    may: [
      "ceremony/",
      "storage/core/",
      "protocol/hash.ts",
      "protocol/counted.ts",
      ...hashing,
      "@noble/curves/*",
    ],
    not: ["ceremony/running/"],
  },
  // The keeper's adapters make real signatures.
  {
    area: "sim/signatures/real-signatures.ts",
    may: ["sim/", "keeper/adapters/", "protocol/", "@noble/curves/*"],
  },
  {
    area: "sim/",
    may: [
      "sim/",
      "keeper/core/",
      "keeper/ports/",
      "keeper/runtime/",
      "protocol/",
      "storage/",
      "provider/",
      "provider-sim/",
      "daemon/hashing/",
      "package:*",
      "node:*",
    ],
  },
  {
    area: "cli/",
    may: [
      "cli/",
      "archive/",
      "ceremony/",
      "client/",
      "sim/",
      "keeper/",
      "provider/",
      "daemon/",
      "protocol/",
      "storage/",
      "package:*",
      "node:*",
    ],
  },
];

/** Results depend on the events alone, on every platform: no clock, chance, timer, process, promise or Node class. */
const bannedInCore: readonly RegExp[] = [
  /\bDate\b/,
  /\bMath\s*\.\s*random\b/,
  /\b(set|clear)(Timeout|Interval|Immediate)\b/,
  /\bqueueMicrotask\b/,
  /\bprocess\b(?!\s*:)/,
  /\bconsole\b/,
  /\b(performance|crypto|globalThis|fetch)\s*(\.|\(|\[)/,
  /\basync\b/,
  /\bawait\b/,
  /\bPromise\b/,
  // The platform's fast implementations are installed from outside (`daemon/hashing`).
  /\bBuffer\b/,
  /\bWebAssembly\b/,
];

/** The target of an import: a path from the project's root, or the package name as written. */
function resolveImport(file: string, from: string): string {
  return from.startsWith(".") ? posix.normalize(posix.join(posix.dirname(file), from)) : from;
}

function fits(target: string, allowed: string): boolean {
  const isPath =
    /^(protocol|storage|archive|ceremony|daemon|keeper|provider|provider-sim|client|sim|cli|scripts|test|contracts)\//.test(
      target,
    );
  if (allowed === "package:*") return !isPath && !target.startsWith("node:") && !target.startsWith(".");
  if (allowed === "node:*") return target.startsWith("node:");
  if (allowed.endsWith("/*")) return target.startsWith(allowed.slice(0, -1));
  return allowed.endsWith("/") ? target.startsWith(allowed) : target === allowed;
}

/** The adapter of a file: its folder below adapters/, or the file itself. */
function adapterOf(path: string): string | undefined {
  return /^keeper\/adapters\/([^/]+)/.exec(path)?.[1];
}

function isOtherAdapter(file: string, target: string): boolean {
  const [own, other] = [adapterOf(file), adapterOf(target)];
  return own !== undefined && other !== undefined && own !== other;
}

/** All violations of the table in one source file, as text with the line. */
export function violations(file: string, source: string): string[] {
  const rule = importRules.find(({ area }) => file.startsWith(area));
  const found: string[] = [];
  for (const { from, typeOnly, line } of importsOf(source)) {
    if (rule === undefined) break;
    if (from === undefined) {
      found.push(`${file}:${line} computes what it imports`);
      continue;
    }
    const target = resolveImport(file, from);
    const allowed = [...rule.may, ...(typeOnly ? (rule.typesOf ?? []) : [])];
    const isBanned = rule.not?.some((entry) => fits(target, entry)) ?? false;
    if (isBanned || isOtherAdapter(file, target) || !allowed.some((entry) => fits(target, entry))) {
      found.push(`${file}:${line} ${rule.area} may not import ${typeOnly ? "types of " : ""}${target}`);
    }
  }
  if (/^(keeper\/core|storage\/core|protocol|archive(?!\/page)|ceremony\/running)\//.test(file)) {
    for (const { line, text } of findInCode(source, bannedInCore))
      found.push(`${file}:${line} core may not use ${text}`);
  }
  return found;
}
