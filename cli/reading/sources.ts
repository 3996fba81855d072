/** Where `fetch` reads a piece: URLs, the copies of a share file over HTTP or libp2p, and the providers of a registry. */
import { httpSource, SourceError, type PieceSource } from "../../client/reading/source.ts";
import { allParties, registryAt } from "../../client/registry.ts";
import { askProvider, type Caller } from "../../keeper/adapters/libp2p/provider.ts";
import type { ProviderTarget } from "../../keeper/ports/provider.ts";
import {
  decodeRetrieveResponse,
  encodeRetrieveRequest,
  maxRetrieveResponseBytes,
  retrieveProtocol,
} from "../../protocol/codec/retrieve.ts";
import type { GroupDomain, Permission } from "../../protocol/codec/permission.ts";
import type { Hex } from "../../protocol/hash.ts";
import { rangeCount, runProof } from "../../storage/core/range.ts";
import { inParallel } from "../../client/in-parallel.ts";
import { drawn, targetOf } from "../store/discover.ts";
import { askStore, type Line } from "../store/wire.ts";
import type { JsonRpcProvider } from "ethers";

const rangeTimeout_ms = 60_000;
const askedAtOnce = 16;
/** Providers that are asked for the piece, drawn at random: at 16 at once, 30 s each, none of them costs more than 8 minutes together. */
const mostAsked = 256;

/** A provider that is asked over libp2p, with a permission for this node's peer or for anybody. */
export function libp2pSource(
  caller: Caller,
  target: ProviderTarget,
  permission: GroupDomain & Permission,
  size: number,
): PieceSource {
  return {
    name: `peer ${target.peerId}`,
    async range(root, range, signal) {
      if (range >= rangeCount(size))
        throw new SourceError("refused", `a piece of ${size} bytes has no range ${range}`);
      const bytes = encodeRetrieveRequest({ ...permission, pieceRoot: root, size, range });
      const call = { protocol: retrieveProtocol, bytes, maxBytes: maxRetrieveResponseBytes };
      const received = await askProvider(caller, target, call, { timeout_ms: rangeTimeout_ms, signal });
      if (!received.ok) throw new SourceError("unreachable", `${received.reason}: ${received.detail}`);
      const decoded = decodeRetrieveResponse(received.bytes);
      if (!decoded.ok) throw new SourceError("wrong", `the answer cannot be decoded: ${decoded.detail}`);
      const answer = decoded.value;
      if (answer.kind === "refusal") {
        const isBusy = answer.code === "busy" || answer.code === "internal";
        throw new SourceError(isBusy ? "busy" : "refused", `${answer.code}: ${answer.detail}`);
      }
      const { siblings } = answer;
      return {
        size,
        bytes: answer.bytes,
        siblings: runProof({ size, first: range, count: 1 }, siblings, siblings),
      };
    },
  };
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
