/** The keeper's configuration. */
import { z } from "zod";
import { relayUses } from "../daemon/peers/relay/settings.ts";
import { address } from "../daemon/settings/address.ts";
import { apiSchema, apiSettings } from "../daemon/settings/api.ts";
import { resolveLayers, resolveText, setting } from "../daemon/settings/layers.ts";
import type { ConfigSources, Resolved, Setting } from "../daemon/settings/layers.ts";
import { logSchema, logSettings } from "../daemon/settings/log.ts";
import { defaultFeeLimits } from "../protocol/fees.ts";
import type { FeeLimits } from "../protocol/fees.ts";
import type { Hex } from "../protocol/hash.ts";

const weiInGwei = 1_000_000_000;
const inGwei = (wei: bigint): number => Number(wei) / weiInGwei;
const gwei = z
  .number()
  .min(0)
  .max(1_000_000)
  .refine((value) => Number.isInteger(Number((value * weiInGwei).toFixed(3))), "expected at most 9 decimals");

const tokenPrice = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}=\d{1,18}(\.\d{1,18})?$/, "expected TOKEN=PRICE, as in 0x…=3000.5")
  .refine((value) => Number(value.slice(value.indexOf("=") + 1)) > 0, "expected a price above 0");

const tokenUnits = z.string().regex(/^\d{1,29}$/, "expected token units: a whole number in quotes");

/** Where a relay listens if the settings name nothing else. */
const relayListen = ["/ip4/0.0.0.0/tcp/4003"] as const;

export const schema = z.strictObject({
  dataDir: z.string().min(1),
  chain: z
    .strictObject({
      id: z.number().int().positive(),
      rpc: z.array(z.url({ protocol: /^https?$/ })).min(1),
      registry: address,
      /** Committees of these factories are followed (R39). */
      factories: z.array(address).default([]),
      /** For commands; the daemon does not read it. */
      lens: address.optional(),
      poll_ms: z.number().int().min(20).max(60_000).default(150),
      tipFloor_gwei: gwei.default(inGwei(defaultFeeLimits.tipFloor)),
      tipCap_gwei: gwei.default(inGwei(defaultFeeLimits.tipCap)),
      feeCap_gwei: gwei.default(inGwei(defaultFeeLimits.feeCap)),
      tokenPrices: z.array(tokenPrice).default([]),
    })
    .refine((chain) => chain.tipFloor_gwei <= chain.tipCap_gwei && chain.tipCap_gwei <= chain.feeCap_gwei, {
      error: ({ input }) => {
        const { tipFloor_gwei, tipCap_gwei, feeCap_gwei } = input as Record<string, number>;
        return `expected tipFloor_gwei ≤ tipCap_gwei ≤ feeCap_gwei, actual ${tipFloor_gwei}, ${tipCap_gwei}, ${feeCap_gwei}`;
      },
    }),
  /** R39: what a committee must offer so that this operator consents to a seat in it. */
  policy: z
    .strictObject({
      tokens: z.array(address).default([]),
      leastKeeperFee: tokenUnits.default("0"),
      mostProviders: z
        .number()
        .int()
        .min(1)
        .max(2 ** 32 - 1)
        .optional(),
      /** R37: whether the daemon consents by itself to the replacement of members that resigned. */
      replaceResigned: z.boolean().default(true),
    })
    .default({ tokens: [], leastKeeperFee: "0", replaceResigned: true }),
  listen: z.array(z.string().startsWith("/", "expected a multiaddr such as /ip4/0.0.0.0/tcp/4001")).min(1),
  /** Addresses that others dial, if they differ from `listen`, for instance behind NAT. */
  announce: z.array(z.string().startsWith("/", "expected a multiaddr")).default([]),
  /**
   * `use`: whether other keepers' relays make this keeper reachable. auto: if no relay can dial it, as behind a router; never: it tells nobody
   * its addresses but the registry. The others: a relay that it offers, with a port of its own and addresses that others dial.
   */
  relay: z
    .strictObject({
      use: z.enum(relayUses).default("auto"),
      offer: z.boolean().default(false),
      listen: z
        .array(z.string().startsWith("/", "expected a multiaddr such as /ip4/0.0.0.0/tcp/4003"))
        .min(1)
        .default(() => [...relayListen]),
      announce: z.array(z.string().startsWith("/", "expected a multiaddr")).default([]),
    })
    .default({ use: "auto", offer: false, listen: [...relayListen], announce: [] }),
  keys: z.string().min(1),
  /** File whose first line is the password of the key files. Without it the password is asked at a terminal. */
  passwordFile: z.string().min(1).optional(),
  /** A postgres:// URL or a file; default: a file in dataDir. */
  ledger: z.string().min(1).optional(),
  ledgerPasswordFile: z.string().min(1).optional(),
  api: apiSchema,
  challengeTimeout_ms: z.number().int().min(100).max(600_000).default(60_000),
  ...logSchema,
});

export type KeeperConfig = z.infer<typeof schema>;
export type ResolvedConfig = Resolved<KeeperConfig>;

export const settings: readonly Setting[] = [
  setting("dataDir", "data-dir", "path", "folder of the store and the ledger"),
  setting("chain.id", "chain-id", "number", "id of the chain"),
  setting("chain.rpc", "rpc", "list", "chain endpoints"),
  setting("chain.registry", "registry", "text", "the Registry contract"),
  setting("chain.factories", "factories", "list", "factories whose committees are followed"),
  setting("chain.lens", "lens", "text", "the Lens contract, through which withdraw reads earnings"),
  setting("chain.poll_ms", "poll-ms", "number", "time between two reads of the chain's head"),
  setting("chain.tipFloor_gwei", "tip-floor-gwei", "decimal", "least tip for a unit of gas"),
  setting("chain.tipCap_gwei", "tip-cap-gwei", "decimal", "highest tip for a unit of gas"),
  setting(
    "chain.feeCap_gwei",
    "fee-cap-gwei",
    "decimal",
    "highest base fee and tip together for a unit of gas",
  ),
  setting(
    "chain.tokenPrices",
    "token-prices",
    "list",
    "TOKEN=PRICE, price of one coin in whole tokens, to compare fees with the keepers' share",
  ),
  setting("policy.tokens", "policy-tokens", "list", "tokens in which a committee may pay; none: any token"),
  setting(
    "policy.leastKeeperFee",
    "policy-least-keeper-fee",
    "text",
    "least fee that a committee's terms ask for, in token units per reserved provider and 65,536 blocks",
  ),
  setting(
    "policy.mostProviders",
    "policy-most-providers",
    "number",
    "most providers that a committee's terms allow for all of its groups",
  ),
  setting(
    "policy.replaceResigned",
    "policy-replace-resigned",
    "boolean",
    "consent without the operator to the replacement of members that resigned: true or false",
  ),
  setting("listen", "listen", "list", "multiaddrs to listen on"),
  setting("announce", "announce", "list", "multiaddrs to register, if others than listened on"),
  setting(
    "relay.use",
    "relay-use",
    "text",
    "other keepers' relays, to be reached without an open port: auto, always or never",
  ),
  setting(
    "relay.offer",
    "relay-offer",
    "boolean",
    "offer a relay to peers without an open port: true or false",
  ),
  setting("relay.listen", "relay-listen", "list", "multiaddrs of the relay to listen on"),
  setting("relay.announce", "relay-announce", "list", "multiaddrs of the relay to register, if others"),
  setting("keys", "keys", "path", "folder of the key files"),
  setting("passwordFile", "password-file", "path", "file with the password of the keys"),
  setting("ledger", "ledger", "path-or-url", "the ledger: a postgres:// URL or a file"),
  setting(
    "ledgerPasswordFile",
    "ledger-password-file",
    "path",
    "file with the password of the ledger's server",
  ),
  ...apiSettings,
  setting("challengeTimeout_ms", "challenge-timeout-ms", "number", "longest time for one call to a provider"),
  ...logSettings,
];

/** Checks the text of a config file before it is written. @throws ConfigError */
export function parseConfigText(text: string, path: string): KeeperConfig {
  return resolveText({ schema, settings }, text, { file: path }).config;
}

/** @throws ConfigError that names file and line, variable or flag */
export function resolveConfig(sources: ConfigSources): Promise<ResolvedConfig> {
  return resolveLayers({ schema, settings }, sources);
}

/** The configuration of a file alone. @throws ConfigError */
export async function readConfig(path: string): Promise<KeeperConfig> {
  return (await resolveConfig({ file: path })).config;
}

export function feeLimitsOf({ chain }: KeeperConfig): FeeLimits {
  const wei = (amount: number): bigint => BigInt(Math.round(amount * weiInGwei));
  return {
    tipFloor: wei(chain.tipFloor_gwei),
    tipCap: wei(chain.tipCap_gwei),
    feeCap: wei(chain.feeCap_gwei),
  };
}

/** Price of one coin in whole tokens, by token. */
export function tokenPricesOf({ chain }: KeeperConfig): ReadonlyMap<Hex, string> {
  return new Map(
    chain.tokenPrices.map((entry) => {
      const [token = "", price = ""] = entry.split("=");
      return [token.toLowerCase() as Hex, price];
    }),
  );
}
