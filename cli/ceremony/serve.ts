/** `whitepay ceremony serve`: the queue, the log and the files over HTTP, until a signal. */
import { startHttp } from "../../daemon/http/server.ts";
import type { HttpServer } from "../../daemon/http/server.ts";
import { stopSignals } from "../../daemon/stop-signals.ts";
import { openAccount } from "../chain/account.ts";
import { secretKeyAddress } from "../../protocol/codec/receipt.ts";
import { fromHex } from "../../protocol/hash.ts";
import { usageError } from "../console/exit.ts";
import { printJson, say } from "../console/output.ts";
import { CommitteeKeys, learnedPorts } from "./committee.ts";
import { ceremonyTools } from "./files.ts";
import { CeremonyFolder, signerOf } from "./folder.ts";
import { writeEdition } from "./manifest.ts";
import { clock } from "./options.ts";
import type { KeyOptions } from "./options.ts";
import { ContinuedStoring } from "./publish.ts";
import type { StoreOptions } from "./publish.ts";
import { ceremonyApp } from "./routes.ts";
import { CeremonyService } from "./service.ts";

export type ServeOptions = KeyOptions &
  StoreOptions & {
    readonly host: string;
    readonly port: number;
    readonly rpc?: readonly string[];
  };

/**
 * A participant reads and writes in order, and asks for the log each second; an address may be that of several. The time of a request is the
 * time of one chunk of an upload.
 */
export const serverLimits = {
  maxConnections: 256,
  maxConnectionsOfAddress: 32,
  requests: { burst: 120, perSecond: 60 },
  allRequests: { burst: 600, perSecond: 300 },
  requestTimeout_ms: 120_000,
} as const;

export type RunningCeremony = {
  readonly service: CeremonyService;
  readonly url: string;
  stop(): Promise<void>;
};

/**
 * Opens the folder and serves it.
 * @throws CliError exit 2 if the key is not the organiser's, exit 6 if another process writes the folder
 */
export async function startCeremony(
  path: string,
  secret: `0x${string}`,
  options: Pick<ServeOptions, "host" | "port" | "rpc"> & {
    readonly now_s?: () => number;
    /** Stores the files of each edition with a group's providers. */
    readonly storing?: StoreOptions | undefined;
  },
): Promise<RunningCeremony> {
  const signer = signerOf(secret);
  let ports: CommitteeKeys | undefined;
  const folder = await CeremonyFolder.open(path, async (definition, entries) => {
    const learned = await learnedPorts(definition, entries, options.rpc ?? []);
    if (learned instanceof CommitteeKeys) ports = learned;
    return learned;
  });
  try {
    const { organiser } = folder.state.definition;
    const own = secretKeyAddress(fromHex(secret));
    if (own !== organiser)
      throw usageError("--key is not the organiser's", { expected: organiser, actual: own });
    const now_s = options.now_s ?? clock;
    const storing = options.storing && new ContinuedStoring(folder, options.storing);
    const service = new CeremonyService(folder, {
      signer,
      ports,
      now_s,
      say,
      tools: ceremonyTools(),
      onContribution: async () => {
        const manifest = await writeEdition(folder, signer);
        say(`edition ${manifest.edition} of the manifest is written`);
        storing?.add(manifest);
      },
    });
    const { host, port } = options;
    const server: HttpServer = await startHttp(ceremonyApp(service, now_s), { host, port, ...serverLimits });
    await service.start();
    storing?.add(await writeEdition(folder, signer));
    return {
      service,
      url: server.url,
      stop: async () => {
        await server.stop();
        await service.stop();
        await storing?.idle();
        await folder.close();
      },
    };
  } catch (error) {
    await folder.close();
    throw error;
  }
}

export async function serveCeremony(path: string, options: ServeOptions): Promise<void> {
  const secret = await openAccount(options.key, options.passwordFile);
  const storing = options.store === undefined ? undefined : options;
  const running = await startCeremony(path, secret, { ...options, storing });
  const signal = new Promise<void>((resolve) => {
    for (const name of stopSignals) process.once(name, () => resolve());
  });
  printJson({ event: "ready", url: running.url, ceremony: running.service.state.ceremony });
  await signal;
  await running.stop();
}
