/** `whitepay provider offer` and `accept`: what the provider offers to payers, and whose requests it accepts (R42). */
import type { Command } from "commander";
import { parseBytes } from "../../client/units.ts";
import type { OfferSettings } from "../../provider/store/settings.ts";
import { configFile } from "../console/config-options.ts";
import { usageError } from "../console/exit.ts";
import { addressOption, integerOption, jsonOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { asProviderFailure, loadProvider } from "./context.ts";

type Changes = { -readonly [K in keyof OfferSettings]?: OfferSettings[K] };
type Price = OfferSettings["prices"][number];
type OfferOptions = {
  readonly config?: string;
  readonly json?: boolean;
  readonly price?: Price[];
  readonly factory?: string[];
  readonly region?: string[];
  readonly largestPiece?: string;
  readonly minLockup?: number;
  readonly minRunway?: number;
  readonly blockTime?: string;
  readonly public?: boolean;
  readonly withdraw?: true;
};
type AcceptOptions = {
  readonly config?: string;
  readonly json?: boolean;
  readonly allow?: string[];
  readonly deny?: string[];
  readonly committee?: string[];
  readonly anyPayer?: true;
  readonly maxPayerShare?: number;
  readonly maxWaiting?: string;
  readonly maxKeeperShare?: number;
  readonly grace?: number;
};

const configText = "config file, YAML or JSON (env WHITEPAY_CONFIG, default ./provider.yaml)";
const lower = (text: string): `0x${string}` => text.toLowerCase() as `0x${string}`;

function collected<T>(parse: (text: string) => T): (text: string, before: T[] | undefined) => T[] {
  return (text, before = []) => [...before, parse(text)];
}

function priceOption(text: string): Price {
  const [token = "", perMonth = "", ...rest] = text.split("=");
  if (perMonth === "" || rest.length > 0) {
    throw usageError("--price is not valid", { expected: "TOKEN=AMOUNT, for example 0x…=4.5", actual: text });
  }
  return { token: lower(addressOption("--price")(token)), perMonth };
}

export function registerOffer(provider: Command): void {
  const addresses = (flag: string) => collected((text) => lower(addressOption(flag)(text)));
  const blocks = (flag: string) => integerOption(flag, { min: 0 });
  const offer = provider
    .command("offer")
    .description("show or set what the provider offers to payers; a running provider follows within seconds")
    .option("--config <file>", configText)
    .option(
      "--price <token=amount>",
      "whole tokens per TiB and month of 30 days; repeatable",
      collected(priceOption),
    )
    .option("--factory <address>", "factory whose groups are believed; repeatable", addresses("--factory"))
    .option("--region <name>", "where the data is stored; repeatable", collected(String))
    .option("--largest-piece <size>", "largest piece, for example 1TiB")
    .option("--min-lockup <blocks>", "shortest lockup of a group", blocks("--min-lockup"))
    .option(
      "--min-runway <blocks>",
      "blocks that the escrow carries beyond the lockup",
      blocks("--min-runway"),
    )
    .option("--block-time <seconds>", "seconds of a block, by which a price a month becomes one a block")
    .option("--public", "take data that is stored as it is")
    .option("--no-public", "take no such data")
    .option("--withdraw", "offer nothing any more; what was agreed stays");
  jsonOption(offer).action((options: OfferOptions) => asProviderFailure(offerCommand(options)));
  const accept = provider
    .command("accept")
    .description("show or set whose requests the provider accepts; a running provider follows within seconds")
    .option("--config <file>", configText)
    .option("--allow <address>", "only these payers; repeatable", addresses("--allow"))
    .option("--any-payer", "all payers but the denied ones")
    .option("--deny <address>", "not these payers; repeatable", addresses("--deny"))
    .option("--committee <address>", "only groups of these committees; repeatable", addresses("--committee"))
    .option(
      "--max-payer-share <percent>",
      "largest part of all room for one payer",
      integerOption("--max-payer-share", { min: 1, max: 100 }),
    )
    .option("--max-waiting <size>", "most bytes of a payer that wait for its group, for example 100GiB")
    .option(
      "--max-keeper-share <bps>",
      "largest part of each amount for the keepers, in 1/10000",
      integerOption("--max-keeper-share", { min: 0, max: 10_000 }),
    )
    .option("--grace <blocks>", "blocks between the end of a commitment and the deletion", blocks("--grace"));
  jsonOption(accept).action((options: AcceptOptions) => asProviderFailure(acceptCommand(options)));
}

function bytesOf(size: string | undefined): number | undefined {
  return size === undefined ? undefined : Number(parseBytes(size));
}

async function offerCommand(options: OfferOptions): Promise<void> {
  const changes: Changes = present({
    prices: options.price,
    factories: options.factory?.map(lower),
    regions: options.region,
    largestPiece: bytesOf(options.largestPiece),
    minLockup: options.minLockup,
    minRunway: options.minRunway,
    blockTime_s: options.blockTime === undefined ? undefined : Number(options.blockTime),
    public: options.public,
  });
  if (options.withdraw === true && Object.keys(changes).length > 0) {
    throw usageError("expected --withdraw alone");
  }
  await changeAndShow(options, options.withdraw === true ? "withdraw" : changes);
}

async function acceptCommand(options: AcceptOptions): Promise<void> {
  if (options.anyPayer === true && options.allow !== undefined) {
    throw usageError("expected one of --allow and --any-payer");
  }
  const changes = present({
    allow: options.anyPayer === true ? [] : options.allow?.map(lower),
    deny: options.deny?.map(lower),
    committees: options.committee?.map(lower),
    maxPayerShare: options.maxPayerShare,
    maxWaitingBytes: bytesOf(options.maxWaiting),
    maxKeeperShareBps: options.maxKeeperShare,
    graceBlocks: options.grace,
  });
  await changeAndShow(options, changes);
}

function present(values: { readonly [K in keyof OfferSettings]?: OfferSettings[K] | undefined }): Changes {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

async function changeAndShow(
  options: { readonly config?: string; readonly json?: boolean },
  changes: Changes | "withdraw",
): Promise<void> {
  const { changeOffer } = await import("../../provider/config.ts");
  const file = await configFile(
    options.config === undefined ? {} : { config: options.config },
    "provider.yaml",
  );
  if (file === undefined) throw usageError("no config file", { hint: "give --config FILE" });
  const isChange = changes === "withdraw" || Object.keys(changes).length > 0;
  if (isChange) await changeOffer(file, changes);
  const { offer } = await loadProvider({ config: file });
  if (options.json === true) return printJson({ offer: offer ?? null });
  if (offer === undefined) {
    printLine("nothing is offered");
    return say("next: whitepay provider offer --factory FACTORY --price TOKEN=AMOUNT");
  }
  for (const { token, perMonth } of offer.prices)
    printLine(`price     ${perMonth} of ${token} a TiB and month`);
  const { prices: _prices, ...rest } = offer;
  for (const [name, value] of Object.entries(rest)) {
    printLine(`${name.padEnd(18)} ${typeof value === "object" ? value.join(", ") || "-" : String(value)}`);
  }
  if (isChange) say("a running provider follows within seconds; its log names the change");
}
