/** The project's environment variables. Unknown ones are refused: a misspelt setting must not be ignored (D1). */
import type { Setting } from "../../daemon/settings/layers.ts";
import { nearest } from "../../daemon/settings/known-keys.ts";
import { usageError } from "./exit.ts";

type Variables = Readonly<Record<string, string | undefined>>;

const prefix = "WHITEPAY_";

/** Variables for users that are not settings. */
const besideSettings = ["WHITEPAY_CONFIG", "WHITEPAY_DEPLOYMENTS", "WHITEPAY_LEDGER_PASSWORD"];

/** Control how processes run, are built or are tested; child processes inherit them. */
const ofProcesses = [
  "WHITEPAY_DEBUG",
  "WHITEPAY_ARTIFACTS",
  "WHITEPAY_COVERAGE_BUILD",
  "WHITEPAY_FAST",
  "WHITEPAY_FAULT",
  "WHITEPAY_FETCH_BYTES",
  "WHITEPAY_KEEP_FLEETS",
  "WHITEPAY_LONG",
  "WHITEPAY_PACKAGES",
  "WHITEPAY_WRITE_COVERAGE",
  "WHITEPAY_WRITE_DOCS",
  "WHITEPAY_WRITE_GAS",
  "WHITEPAY_WRITE_LAYOUT",
  "WHITEPAY_WRITE_VECTORS",
];

export const otherVariables: readonly string[] = [...besideSettings, ...ofProcesses];

/** Kubernetes sets these in every container if a service has a name that begins with "whitepay". */
function isServiceLink(name: string, value: string): boolean {
  return /_SERVICE_(?:HOST|PORT)(?:_|$)|_PORT_\d+_[A-Z]+/.test(name) || /^(?:tcp|udp|sctp):\/\//.test(value);
}

/** Settings of all roles: a shell with the settings of one role may run a command of another. */
async function settingsOfAll(): Promise<string[]> {
  const [keeper, provider, { payeePurse, payerPurse }] = await Promise.all([
    import("../../keeper/config.ts"),
    import("../../provider/config.ts"),
    import("../chain/account.ts"),
  ]);
  const purses = [payerPurse, payeePurse].flatMap(({ definition }) => definition.settings);
  return [...keeper.settings, ...provider.settings, ...purses].map(({ env }) => env);
}

/** @throws CliError exit 2 with each unknown variable and the nearest known one */
export async function refuseUnknownVariables(env: Variables, settings: readonly Setting[]): Promise<void> {
  const own = [...settings.map((setting) => setting.env), ...besideSettings];
  const candidates = Object.entries(env).flatMap(([name, value]) => {
    if (!name.startsWith(prefix) || value === undefined || value === "") return [];
    const known = own.includes(name) || ofProcesses.includes(name) || isServiceLink(name, value);
    return known ? [] : [name];
  });
  if (candidates.length === 0) return;
  const all = [...new Set([...own, ...(await settingsOfAll())])];
  const unknown = candidates.filter((name) => !all.includes(name));
  if (unknown.length === 0) return;
  const bare = (name: string): string => name.slice(prefix.length);
  const told = unknown.map((name) => {
    const near = nearest(bare(name), all.map(bare));
    const meant = near === undefined ? `expected one of ${own.join(", ")}` : `did you mean ${prefix}${near}?`;
    return `${name}: unknown variable; ${meant}`;
  });
  throw usageError(told.join("\n  "), { hint: "correct the name, or unset the variable" });
}

/** The environment for a child process that reads its settings from files: without the settings of this shell. */
export function withoutSettings(env: Variables): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith(prefix) || ofProcesses.includes(name)),
  );
}
