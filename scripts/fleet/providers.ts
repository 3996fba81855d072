/** The providers of a fleet: real stores on disk and real daemons; `damage` destroys part of a store. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Wallet, type Contract, type ContractTransactionResponse, type JsonRpcProvider } from "ethers";
import { parse, stringify } from "yaml";
import type { Hex } from "../../protocol/hash.ts";
import { initProvider, loadConfig, loadKeys, newProviderSecrets } from "../../provider/config.ts";
import { consentFor, type DataConsent } from "../../provider/consent.ts";
import { ingestFiles } from "../../provider/ingest.ts";
import { cliScript } from "../paths.ts";
import { writeProviderFiles } from "./files.ts";
import type { Processes, Running } from "./processes.ts";
import { multiaddr, registerProvider } from "./setup.ts";

export type ProviderFleetOptions = {
  readonly processes: Processes;
  readonly folder: string;
  readonly count: number;
  readonly ports: readonly number[];
  readonly rpc: string;
  readonly chainId: number;
  readonly registry: string;
  /** For the providers' commands about status and money. */
  readonly lens: string;
  /** The command that runs them: with faults, or as an operator runs a provider. By default with faults. */
  readonly command?: "provider-sim" | "provider";
  /** What provider `index` offers to payers (its setting `offer`); by default nothing. With an offer it serves readers, too. */
  readonly offerOf?: (index: number) => object;
};

/** More than needed: an estimate from the block before may be too low if a slot begins in between. */
const addGas = 1_000_000n;

type Seat = {
  index: number;
  folder: string;
  configFile: string;
  keysFolder: string;
  wallet: Wallet;
  payee: string;
  peerSeed: string;
  port: number;
};

/** Password of keys without value, which are used only on this chain. */
const password = "devnet";

const lower = (address: string): Hex => address.toLowerCase() as Hex;

/** Part of every piece that `damage` destroys. */
const lossFraction = 0.4;

export class ProviderFleet {
  readonly #processes: Processes;
  readonly #seats: readonly Seat[];
  readonly #daemon: "provider-sim" | "provider";
  readonly #offerOf: ((index: number) => object) | undefined;
  readonly #apis = new Map<number, string>();
  readonly #running = new Map<number, Running>();
  /** By group. */
  readonly #consents = new Map<string, readonly DataConsent[]>();

  private constructor(
    seats: readonly Seat[],
    { processes, command = "provider-sim", offerOf }: ProviderFleetOptions,
  ) {
    this.#processes = processes;
    this.#daemon = command;
    this.#offerOf = offerOf;
    this.#seats = seats;
  }

  /** Makes a data folder, keys and a configuration for each. */
  static async create(options: ProviderFleetOptions): Promise<ProviderFleet> {
    const { folder, count, ports, rpc, chainId, registry, lens } = options;
    const seats = Array.from({ length: count }, async (_, index): Promise<Seat> => {
      const port = ports[index] as number;
      const dataDir = join(folder, `provider-${index}`);
      const listen = [multiaddr(port)];
      const secrets = newProviderSecrets();
      await mkdir(dataDir, { recursive: true });
      const passwordFile = join(dataDir, "password");
      await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
      const of = { dataDir, chainId, rpc: [rpc], registry, lens, listen, groups: [] };
      const paths = await initProvider({ ...of, secrets, password, passwordFile, kdf: "light" });
      const wallet = new Wallet(secrets.operator);
      const payee = Wallet.createRandom().address;
      return {
        index,
        folder: dataDir,
        configFile: paths.config,
        keysFolder: paths.keys,
        wallet,
        payee,
        peerSeed: secrets.peer,
        port,
      };
    });
    return new ProviderFleet(await Promise.all(seats), options);
  }

  get size(): number {
    return this.#seats.length;
  }

  get operators(): string[] {
    return this.#seats.map(({ wallet }) => wallet.address);
  }

  /** URL of the HTTP interface of provider `index`. @throws if it was not started */
  apiOf(index: number): string {
    const url = this.#apis.get(index);
    if (url === undefined) throw new Error(`provider ${index} was not started`);
    return url;
  }

  /** Operator, process id and data folder of each daemon. @throws if one was not started */
  get daemons(): { readonly operator: string; readonly pid: number; readonly dataDir: string }[] {
    return this.#seats.map(({ index, wallet, folder }) => {
      const running = this.#running.get(index);
      if (running === undefined) throw new Error(`provider ${index} was not started`);
      return { operator: wallet.address, pid: running.pid, dataDir: folder };
    });
  }

  /** Ends the daemon of provider `index` at once, as a crash would. */
  async kill(index: number): Promise<void> {
    const running = this.#running.get(index);
    if (running === undefined) throw new Error(`provider ${index} was not started`);
    running.expectEnd();
    running.kill("SIGKILL");
    await running.ended;
  }

  async register(provider: JsonRpcProvider, registry: Contract): Promise<void> {
    for (const seat of this.#seats) {
      await registerProvider(registry, { ...seat, wallet: seat.wallet.connect(provider) });
    }
  }

  /** Each provider copies the files of a payer (counted from 0) into its own store. Returns the bytes of all together. */
  async ingest(group: string, payer = 0): Promise<bigint> {
    const bytes = await Promise.all(
      this.#seats.map(async (seat) => {
        const source = join(seat.folder, "incoming");
        const files = await writeProviderFiles(source, payer, seat.index);
        const { list } = await ingestFiles(await loadConfig(seat.configFile), files, { group: lower(group) });
        await rm(source, { recursive: true });
        return list.totalBytes;
      }),
    );
    return bytes.reduce((sum, size) => sum + size, 0n);
  }

  /** Starts all daemons for these groups. */
  async start(groups: readonly string[]): Promise<void> {
    await Promise.all(
      this.#seats.map(async (seat) => {
        const config = parse(await readFile(seat.configFile, "utf8")) as {
          groups: string[];
          offer?: object;
          reading?: object;
        };
        config.groups = groups.map(lower);
        if (this.#offerOf !== undefined) {
          config.offer = this.#offerOf(seat.index);
          config.reading = { host: "127.0.0.1", port: 0 };
        }
        await writeFile(seat.configFile, stringify(config));
        const running = this.#run(seat, [this.#daemon, "run", "--config", seat.configFile], true);
        this.#running.set(seat.index, running);
        const ready = await running.ready;
        this.#apis.set(seat.index, (ready as { api: string }).api);
      }),
    );
  }

  /** Each provider signs that the payer may commit its data in this group, at this price (R33). */
  async consent(group: string, price: bigint): Promise<void> {
    const consents = this.#seats.map(async (seat) => {
      const config = await loadConfig(seat.configFile);
      return consentFor(config, await loadKeys(seat.keysFolder, password), lower(group), { price });
    });
    this.#consents.set(lower(group), await Promise.all(consents));
  }

  /** The payer adds every provider that consented, all in one block if it can. `group` is connected to the payer. */
  async join(group: Contract): Promise<void> {
    const add = group.getFunction("addProvider");
    const consents = this.#consents.get(lower(await group.getAddress())) ?? [];
    const sent: ContractTransactionResponse[] = [];
    for (const { operator, listRoot, bytes, price, receiptKey, sequence, deadline, signature } of consents) {
      const terms = [listRoot, bytes, price, receiptKey, sequence, deadline];
      sent.push(await add(operator, terms, signature, { gasLimit: addGas }));
    }
    await Promise.all(sent.map((transaction) => transaction.wait()));
  }

  /** Destroys part of every piece on the provider's disk. */
  async damage(index: number): Promise<string> {
    const seat = this.#seats[index];
    if (seat === undefined) throw new RangeError(`provider: expected below ${this.size}, actual ${index}`);
    const args = [
      "provider-sim",
      "fault",
      "lose-data",
      "--fraction",
      String(lossFraction),
      "--config",
      seat.configFile,
    ];
    const { bytesLost } = JSON.parse(await this.#command(seat, args)) as { bytesLost: number };
    return `${bytesLost} bytes on its disk are destroyed`;
  }

  #command(seat: Seat, args: readonly string[]): Promise<string> {
    return this.#run(seat, args, false).ready as Promise<string>;
  }

  #run(seat: Seat, args: readonly string[], daemon: boolean): ReturnType<Processes["start"]> {
    return this.#processes.start({
      name: `provider ${seat.index}`,
      args: ["--disable-warning=ExperimentalWarning", cliScript, ...args],
      logFile: join(seat.folder, "log"),
      daemon,
    });
  }
}
