/** The import table of docs/architecture.md as data, and the judge that applies it. */
import { posix } from "node:path";
import { findInCode, importsOf } from "./source.ts";

type Rule = {
  /** Folder or file the rule is about, from the project's root. */
  area: string;
  /** Folders, files or package names that it may import from; a folder ends with a slash, a package may end with `/*`. */
  may: readonly string[];
  /** Of these it may import types alone. */
  typesOf?: readonly string[];
};

const hashing = ["@noble/hashes/*"];

/** The first rule that fits a file counts, so narrow areas come before wide ones. */
export const importRules: readonly Rule[] = [
  { area: "storage/core/", may: ["storage/core/", ...hashing] },
  { area: "storage/disk/", may: ["storage/disk/", "storage/core/", "node:*"] },
  { area: "keeper/core/", may: ["keeper/core/", "storage/core/", ...hashing] },
  // Bytes are made of hashes and curve points, so the codec computes with them.
  {
    area: "protocol/codec/",
    may: ["protocol/codec/", "keeper/core/", "storage/core/", ...hashing, "@noble/curves/*"],
  },
  {
    area: "keeper/ports/",
    may: [],
    typesOf: ["keeper/ports/", "keeper/core/", "protocol/codec/", "keeper/limits/", "storage/core/"],
  },
  {
    area: "keeper/limits/",
    may: ["keeper/limits/", "protocol/codec/", "protocol/quorum.ts", "storage/core/"],
    typesOf: ["keeper/core/", "keeper/ports/"],
  },
  {
    area: "keeper/runtime/",
    may: [
      "keeper/runtime/",
      "keeper/core/",
      "protocol/codec/",
      "keeper/limits/",
      "keeper/ports/",
      "storage/core/",
    ],
  },
  {
    area: "keeper/adapters/",
    // Of the other adapters only its own files: see `isOtherAdapter`.
    may: [
      "keeper/adapters/",
      "keeper/ports/",
      "protocol/codec/",
      "keeper/limits/",
      "storage/",
      "protocol/fees.ts",
      "protocol/hash.ts",
      "protocol/payments.ts",
      "protocol/reasons.ts",
      "package:*",
      "node:*",
    ],
    typesOf: ["keeper/core/"],
  },
  { area: "keeper/", may: ["keeper/", "storage/", "package:*", "node:*"] },
  {
    area: "provider-sim/",
    may: [
      "provider-sim/",
      "storage/",
      "protocol/codec/",
      "keeper/limits/",
      "daemon/chain/calls.ts",
      "daemon/chain/rpc.ts",
      "protocol/hash.ts",
      "daemon/settings/layers.ts",
      "daemon/listen.ts",
      "daemon/keys/keystore.ts",
      "package:*",
      "node:*",
    ],
    typesOf: ["keeper/core/"],
  },
  // What a browser loads: nothing of Node, no command line.
  {
    area: "client/",
    may: ["client/", "keeper/core/", "storage/core/", "ethers", ...hashing, "@noble/curves/*"],
  },
  {
    area: "sim/",
    may: [
      "sim/",
      "scripts/lib/",
      "keeper/core/",
      "protocol/codec/",
      "keeper/limits/",
      "keeper/ports/",
      "keeper/runtime/",
      "storage/",
      "provider-sim/",
      "package:*",
      "node:*",
    ],
  },
];

/** What makes a result depend on more than the events: clocks, chance, timers, the process, promises. */
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
];

/** Where an import leads: a path from the project's root, or the name as written. */
export function resolveImport(file: string, from: string): string {
  return from.startsWith(".") ? posix.normalize(posix.join(posix.dirname(file), from)) : from;
}

function fits(target: string, allowed: string): boolean {
  const isPath =
    target.includes("/") && /^(keeper|storage|provider-sim|scripts|test|contracts)\//.test(target);
  if (allowed === "package:*") return !isPath && !target.startsWith("node:") && !target.startsWith(".");
  if (allowed === "node:*") return target.startsWith("node:");
  if (allowed.endsWith("/*")) return target.startsWith(allowed.slice(0, -1));
  return allowed.endsWith("/") ? target.startsWith(allowed) : target === allowed;
}

/** The adapter a file belongs to: its folder below adapters/, or the file itself. */
function adapterOf(path: string): string | undefined {
  return /^keeper\/adapters\/([^/]+)/.exec(path)?.[1];
}

function isOtherAdapter(file: string, target: string): boolean {
  const [own, other] = [adapterOf(file), adapterOf(target)];
  return own !== undefined && other !== undefined && own !== other;
}

/** Everything in one source that the table forbids, in words with the line. */
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
    if (isOtherAdapter(file, target) || !allowed.some((entry) => fits(target, entry))) {
      found.push(`${file}:${line} ${rule.area} may not import ${typeOnly ? "types of " : ""}${target}`);
    }
  }
  if (/^(keeper|storage)\/core\//.test(file)) {
    for (const { line, text } of findInCode(source, bannedInCore))
      found.push(`${file}:${line} core may not use ${text}`);
  }
  return found;
}
