/** `whitepay ceremony …`: runs a trusted-setup ceremony: for its organiser, its participants, and everybody who verifies it. */
import type { Command } from "commander";
import { drandChain } from "../../ceremony/beacon/drand.ts";
import { curveNames, maxPower } from "../../ceremony/powers-of-tau/layout.ts";
import { depths } from "../../ceremony/powers-of-tau/chain.ts";
import {
  addressOption,
  alwaysJson,
  choiceOption,
  hexOption,
  integerOption,
  jsonFlag,
} from "../console/options.ts";
import { drandChainOption } from "../inspect/ceremony-beacon.ts";
import type { AnnounceOptions, ApplyOptions } from "./beacon.ts";
import type { InitOptions } from "./init.ts";
import type { NextOptions } from "./next.ts";
import { keyOptions } from "./options.ts";
import type { ParticipantOptions, SubmitOptions } from "./participant.ts";
import type { PublishOptions } from "./publish.ts";
import type { ServeOptions } from "./serve.ts";
import type { StatusOptions } from "./status.ts";
import type { VerifyOptions } from "./verify.ts";

const rpcOption = ["--rpc <urls...>", "endpoints of the committee's or the block's chain"] as const;
const defaultPort = 8790;

function list(parse: (text: string) => string) {
  return (text: string, before: readonly string[] | undefined): string[] => [...(before ?? []), parse(text)];
}

/** Options of `whitepay store`, which stores the files. */
function storeOptions(command: Command): void {
  command
    .option("--store <config>", "payer.yaml of the group whose providers store the files")
    .option(
      "--copies <n>",
      "providers that store each file",
      integerOption("--copies", { min: 1, max: 256 }),
      3,
    )
    .option("--for <time>", "how long it is paid for: 30days, 6months", "6months");
}

function registerOrganiser(ceremony: Command): void {
  const init = ceremony
    .command("init")
    .description("define a ceremony, compute its first challenge, and open its log and its archive")
    .argument("<folder>", "folder of the ceremony; it is made")
    .argument(
      "[command...]",
      "after --: the program that makes a contribution, with {challenge} and {response}",
    )
    .requiredOption("--title <text>", "title")
    .option("--curve <name>", "bn254 or bls12-381", choiceOption("--curve", curveNames), "bn254")
    .requiredOption("--power <n>", "2^n powers of τ", integerOption("--power", { min: 1, max: maxPower }))
    .requiredOption(
      "--slot <seconds>",
      "time of a participant for its contribution",
      integerOption("--slot", { min: 1 }),
    )
    .option(
      "--depth <depth>",
      "points: check all points of each response; hashes: leave that to the end",
      choiceOption("--depth", ["hashes", "points"]),
      "points",
    )
    .option(
      "--participants <addresses...>",
      "who may join (default: everybody)",
      list(addressOption("--participants")),
    )
    .option(
      "--max-participants <n>",
      "most participants",
      integerOption("--max-participants", { min: 1 }),
      100,
    )
    .option(
      "--max-slots <n>",
      "slots of one participant, of which it may lose all but one",
      integerOption("--max-slots", { min: 1 }),
      3,
    )
    .option(
      "--committee <address>",
      "committee whose keepers attest each contribution (R48)",
      addressOption("--committee"),
    )
    .option("--chain-id <n>", "chain of the committee", integerOption("--chain-id", { min: 1 }))
    .option(...rpcOption)
    .option("--url <url>", "where `ceremony serve` will be reached: the manifest names it as a source")
    .option(...jsonFlag);
  keyOptions(init, "the organiser").action(async (folder: string, command: string[], options: InitOptions) =>
    (await import("./init.ts")).initCeremony(folder, command, options),
  );
  const serve = alwaysJson(ceremony.command("serve"))
    .description("serve queue, log and files until SIGINT or SIGTERM; prints one JSON line when ready")
    .argument("<folder>", "folder of the ceremony")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <n>", "port; 0: any free one", integerOption("--port", { max: 65_535 }), defaultPort)
    .option(...rpcOption);
  storeOptions(serve);
  keyOptions(serve, "the organiser").action(async (folder: string, options: ServeOptions) =>
    (await import("./serve.ts")).serveCeremony(folder, options),
  );
  registerBeacon(ceremony);
  const publish = ceremony
    .command("publish")
    .description("write the manifest's next edition, and store the files with the group's providers")
    .argument("<folder>", "folder of the ceremony; `ceremony serve` must not run")
    .option(...rpcOption)
    .option(...jsonFlag);
  storeOptions(publish);
  keyOptions(publish, "the organiser").action(async (folder: string, options: PublishOptions) =>
    (await import("./publish.ts")).publishCeremony(folder, options),
  );
}

function registerBeacon(ceremony: Command): void {
  const beacon = ceremony
    .command("beacon")
    .description("the last contribution, from a public value of the future");
  const announce = beacon
    .command("announce")
    .description("end the queue, and name a beacon that does not exist yet")
    .argument("<folder>", "folder of the ceremony; `ceremony serve` must not run")
    .option("--drand-round <n>", "round of drand", integerOption("--drand-round", { min: 1 }))
    .option("--drand-chain <name>", "default or quicknet", drandChainOption, drandChain("quicknet"))
    .option("--block <n>", "block of the chain of --rpc", integerOption("--block", { min: 1 }))
    .option("--exponent <n>", "hash the value 2^n times", integerOption("--exponent", { max: 24 }), 10)
    .option(...rpcOption)
    .option(...jsonFlag);
  keyOptions(announce, "the organiser").action(async (folder: string, options: AnnounceOptions) =>
    (await import("./beacon.ts")).announceBeacon(folder, options),
  );
  const apply = beacon
    .command("apply")
    .description("make the last contribution from the announced beacon, when its value exists")
    .argument("<folder>", "folder of the ceremony; `ceremony serve` must not run")
    .option("--drand-round <file>", "the round as a relay of drand returns it")
    .option(...rpcOption)
    .option(...jsonFlag);
  keyOptions(apply, "the organiser").action(async (folder: string, options: ApplyOptions) =>
    (await import("./beacon.ts")).applyBeacon(folder, options),
  );
}

function participantOptions(command: Command): Command {
  return keyOptions(command, "the participant")
    .option("--name <text>", "name under which you want to be known (default: your address)")
    .option("--ceremony <id>", "id of the ceremony: another one is refused", hexOption("--ceremony", 32))
    .option(...rpcOption)
    .option(...jsonFlag);
}

function registerParticipant(ceremony: Command): void {
  const url = ["<url>", "where the ceremony is served"] as const;
  participantOptions(ceremony.command("join"))
    .description("join the queue")
    .argument(...url)
    .action(async (place: string, options: ParticipantOptions) =>
      (await import("./participant.ts")).joinCeremony(place, options),
    );
  participantOptions(ceremony.command("next"))
    .description(
      "wait for your turn, verify what it builds on, contribute, verify and submit, in one command",
    )
    .argument(...url)
    .argument("[command...]", "after --: your own program, with {challenge} and {response} as arguments")
    .option("--folder <path>", "where the files go", "ceremonies")
    .option("--accept-command", "run the ceremony's program without a question")
    .option("--attestation <file>", "document of the enclave that made the response (AWS Nitro)")
    .option("--wait <seconds>", "give up if your turn has not come by then", integerOption("--wait"))
    .action(async (place: string, command: string[], options: NextOptions) =>
      (await import("./next.ts")).nextInCeremony(place, command, options),
    );
  participantOptions(ceremony.command("submit"))
    .description("submit a response that was made elsewhere; run it again to continue an upload")
    .argument(...url)
    .requiredOption("--response <file>", "the response")
    .option("--challenge <file>", "verify the response against this challenge first")
    .option("--attestation <file>", "document of the enclave that made the response (AWS Nitro)")
    .action(async (place: string, options: SubmitOptions) =>
      (await import("./participant.ts")).submitCeremony(place, options),
    );
  ceremony
    .command("status")
    .description("replay the log, and show queue, slot, and what was accepted, refused and lost")
    .argument(...url)
    .option("--ceremony <id>", "id of the ceremony: another one is refused", hexOption("--ceremony", 32))
    .option(...rpcOption)
    .option(...jsonFlag)
    .action(async (place: string, options: StatusOptions) =>
      (await import("./status.ts")).showStatus(place, options),
    );
}

function registerVerify(ceremony: Command): void {
  ceremony
    .command("verify")
    .description(
      "verify a whole ceremony from its manifest: log, signatures, contributions, attestations, beacon",
    )
    .argument("<manifest>", "archive.json")
    .option("--from <folder>", "folder with the files (default: the URLs that the manifest names)")
    .option(
      "--depth <depth>",
      "keys, hashes or points, as for inspect ceremony",
      choiceOption("--depth", depths),
      "points",
    )
    .option("--mine <hash>", "say whether the contribution with this hash is in it")
    .option(
      "--nitro-root <sha256>",
      "root certificate of enclaves, if it is not that of AWS",
      hexOption("--nitro-root", 32),
    )
    .option(...rpcOption)
    .option(...jsonFlag)
    .action(async (manifest: string, options: VerifyOptions) =>
      (await import("./verify.ts")).verifyCeremonyArchive(manifest, options),
    );
}

export function register(program: Command): void {
  const ceremony = program
    .command("ceremony")
    .description("run a trusted-setup ceremony: organise it, contribute to it, verify all of it");
  registerOrganiser(ceremony);
  registerParticipant(ceremony);
  registerVerify(ceremony);
}
