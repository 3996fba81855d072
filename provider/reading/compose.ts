/** Connects the parts of reading by others (R44). */
import { join } from "node:path";
import type { Logger } from "pino";
import { unlimitedBytes } from "../../protocol/codec/permission.ts";
import type { Permission } from "../../protocol/codec/permission.ts";
import { pathOfPiece } from "../../protocol/codec/piece-http.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import type { PieceStore } from "../../storage/disk/store.ts";
import type { EthersChainView } from "../chain-ethers.ts";
import type { ProviderConfig } from "../config.ts";
import type { Load } from "../load.ts";
import type { StoredRequests } from "../store/requests.ts";
import { listReader } from "./answer-list.ts";
import { ArchiveIndices } from "./archive-indices.ts";
import { GroupPieces } from "./group-pieces.ts";
import { ReaderLimits } from "./limits.ts";
import { openPayments } from "./paid/compose.ts";
import type { RedeemingAccount } from "./paid/compose.ts";
import type { Payments } from "./paid/payments.ts";
import { Quotas } from "./quotas.ts";
import { RangeCache } from "./range-cache.ts";
import { Readers } from "./readers.ts";
import { ReadingStore } from "./reading-store.ts";
import { startReadingServer } from "./server.ts";
import type { ReadingServer } from "./server.ts";

export type Reading = {
  readonly readers: Readers;
  readonly quotas: Quotas;
  /** R47; undefined: reading costs nothing. */
  readonly payments: Payments | undefined;
  /** The payer's permissions for anybody to read a group's pieces. */
  published(group: Hex): readonly Permission[];
  /** Where a piece is served to anybody; undefined: nowhere. */
  publicUrl(root: Hex): string | undefined;
  /** Serves readers if the configuration says where. Returns the server's own address. */
  serve(): Promise<string | undefined>;
  /** Redeems vouchers until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
};

export type ReadingParts = {
  readonly config: Pick<ProviderConfig, "dataDir" | "reading" | "chain">;
  readonly redeemer: RedeemingAccount;
  readonly chain: EthersChainView;
  readonly store: PieceStore;
  readonly requests: StoredRequests;
  /** A piece of an archive for which this provider volunteers. */
  readonly volunteered: (root: Hex) => PieceEntry | undefined;
  readonly load: Load;
  readonly log: Logger;
  /** Bytes of a piece were sent over HTTP; for money or not. */
  readonly sent: (bytes: number, isPaid: boolean) => void;
};

export async function openReading(parts: ReadingParts): Promise<Reading> {
  const { config, chain, store, requests, volunteered, load, log, sent, redeemer } = parts;
  const now_ms = (): number => performance.now();
  const kept = await ReadingStore.open(join(config.dataDir, "reading"));
  const pieces = new GroupPieces({ chain, store, requests, volunteered, now_ms });
  const quotas = new Quotas(kept, () => Date.now());
  const readers = new Readers({ chain, pieces, kept });
  const paid = await openPayments({ config, chain, quotas, redeemer, log });
  const settings = config.reading;
  let server: ReadingServer | undefined;
  return {
    readers,
    quotas,
    payments: paid?.payments,
    published: (group) => kept.published(group),
    publicUrl(root) {
      const base = settings?.url ?? server?.url;
      return base === undefined ? undefined : base + pathOfPiece(root);
    },
    async serve() {
      if (settings === undefined) return undefined;
      const { bytesPerSecond, bytesPerDay = unlimitedBytes } = settings;
      // The scrub waits while readers are served.
      const readRange = load.whileRuns((entry: PieceEntry, range: number) => store.readRange(entry, range));
      const ranges = new RangeCache({ readRange });
      server = await startReadingServer(settings, {
        readers,
        quotas,
        store: ranges,
        archives: new ArchiveIndices({ readRange }),
        lists: listReader((root) => store.list(root)),
        limits: new ReaderLimits(now_ms, bytesPerSecond),
        bytesPerDay,
        payments: paid?.payments,
        sent({ root, bytes, price }) {
          sent(bytes, price > 0n);
          log.debug({ root, bytes, price: String(price) }, "range served to a reader over HTTP");
        },
      });
      return server.url;
    },
    run: async (signal) => paid?.run(signal),
    async close() {
      await server?.stop();
      await kept.close();
    },
  };
}
