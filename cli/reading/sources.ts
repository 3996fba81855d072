/** Where `fetch` reads a piece: URLs, the copies of a share file over HTTP or libp2p, and the providers of a registry. */
import {
  httpSource,
  PaymentNeeded,
  SourceError,
  type Payee,
  type PieceSource,
} from "../../client/reading/source.ts";
import { allParties, registryAt } from "../../client/registry.ts";
import { askProvider, type Caller } from "../../keeper/adapters/libp2p/provider.ts";
import type { ProviderTarget } from "../../keeper/ports/provider.ts";
import {
  decodeRetrieveResponse,
  encodeRetrieveRequest,
  maxRetrieveResponseBytes,
  retrieveProtocol,
} from "../../protocol/codec/retrieve.ts";
import type { RetrieveRequest } from "../../protocol/codec/retrieve.ts";
import type { Refusal } from "../../protocol/codec/challenge.ts";
import {
  decodePaidRetrieveResponse,
  encodePaidRetrieveRequest,
  maxPaidRetrieveResponseBytes,
  paidRetrieveProtocol,
} from "../../protocol/codec/paid-retrieve.ts";
import type { PaidRange, PaidRetrieveRequest } from "../../protocol/codec/paid-retrieve.ts";
import type { GroupDomain, Permission } from "../../protocol/codec/permission.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Result } from "../../storage/core/result.ts";
import { rangeCount, runProof } from "../../storage/core/range.ts";
import { inParallel } from "../../client/in-parallel.ts";
import { drawn, targetOf } from "../store/discover.ts";
import { askStore, type Line } from "../store/wire.ts";
import type { JsonRpcProvider } from "ethers";

const rangeTimeout_ms = 60_000;
const askedAtOnce = 16;
/** Providers that are asked for the piece, drawn at random: at 16 at once, 30 s each, none of them costs more than 8 minutes together. */
const mostAsked = 256;

/** A provider that is asked over libp2p, with a permission for this node's peer or for anybody; it may take vouchers (R47). */
export function libp2pPayee(
  caller: Caller,
  target: ProviderTarget,
  permission: GroupDomain & Permission,
  size: number,
): Payee {
  const asked = async (call: AskedBytes, signal: AbortSignal): Promise<Uint8Array> => {
    const received = await askProvider(caller, target, call, { timeout_ms: rangeTimeout_ms, signal });
    if (!received.ok) throw new SourceError("unreachable", `${received.reason}: ${received.detail}`);
    return received.bytes;
  };
  const paid = async (request: PaidRetrieveRequest, signal: AbortSignal): Promise<PaidRange | undefined> => {
    const bytes = encodePaidRetrieveRequest(request);
    const call = { protocol: paidRetrieveProtocol, bytes, maxBytes: maxPaidRetrieveResponseBytes };
    const answer = valueOf(decodePaidRetrieveResponse(await asked(call, signal)));
    if (answer.kind === "due") throw new PaymentNeeded(answer);
    if (answer.kind === "refusal") throw refusedBy(answer);
    return answer.kind === "range" ? answer : undefined;
  };
  const free = async (wanted: RetrieveRequest, signal: AbortSignal): Promise<PaidRange | undefined> => {
    const bytes = encodeRetrieveRequest(wanted);
    const call = { protocol: retrieveProtocol, bytes, maxBytes: maxRetrieveResponseBytes };
    const answer = valueOf(decodeRetrieveResponse(await asked(call, signal)));
    if (answer.kind === "range") return { ...answer, charged: 0n };
    // The other protocol says what it costs.
    if (answer.code === "unpaid") return paid({ kind: "ask", wanted }, signal);
    throw refusedBy(answer);
  };
  return {
    name: `peer ${target.peerId}`,
    async range(root, range, signal, voucher) {
      if (range >= rangeCount(size))
        throw new SourceError("refused", `a piece of ${size} bytes has no range ${range}`);
      const wanted = { ...permission, pieceRoot: root, size, range };
      const sent = await (voucher === undefined
        ? free(wanted, signal)
        : paid({ kind: "pay", wanted, voucher }, signal));
      if (sent === undefined) throw new SourceError("wrong", "sent no range");
      const { siblings, bytes, charged } = sent;
      const proof = runProof({ size, first: range, count: 1 }, siblings, siblings);
      return { size, bytes, siblings: proof, charged };
    },
    async settle(root, voucher, signal) {
      await paid(
        { kind: "settle", wanted: { ...permission, pieceRoot: root, size, range: 0 }, voucher },
        signal,
      );
    },
  };
}

type AskedBytes = { readonly protocol: string; readonly bytes: Uint8Array; readonly maxBytes: number };

function valueOf<T>(decoded: Result<T>): T {
  if (decoded.ok) return decoded.value;
  throw new SourceError("wrong", `the answer cannot be decoded: ${decoded.detail}`);
}

function refusedBy({ code, detail }: Refusal): SourceError {
  return new SourceError(code === "busy" || code === "internal" ? "busy" : "refused", `${code}: ${detail}`);
}

export type RegistryScope = {
  readonly provider: JsonRpcProvider;
  readonly registry: string;
  readonly line: Line;
};

/**
 * The providers of a registry that serve the piece to anybody, each at the address that it names.
 * @param open the source of an address; what it throws ends the use of that provider alone
 */
export async function registrySources(
  { provider, registry, line }: RegistryScope,
  root: Hex,
  open: (url: string) => PieceSource = (url) => httpSource(url),
): Promise<PieceSource[]> {
  const { chainId } = await provider.getNetwork();
  const parties = drawn(await allParties(registryAt(registry, provider), "provider"), mostAsked);
  const found = await inParallel(parties, askedAtOnce, async (party): Promise<PieceSource[]> => {
    try {
      const { url } = await askStore(line, targetOf(party), {
        kind: "about",
        chainId: Number(chainId),
        root,
      });
      return [open(url)];
    } catch {
      // This provider does not answer, does not serve the piece, or names no address; the others are asked as well.
      line.signal?.throwIfAborted();
      return [];
    }
  });
  return found.flat();
}
