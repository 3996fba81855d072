/** The keepers whose attestations settle contributions (R48): their keys, from the chain. */
import { attestingMembers, verifyContribution } from "../../client/contribution.ts";
import type { AttestingMembers } from "../../client/contribution.ts";
import type { Definition } from "../../ceremony/running/definition.ts";
import type { Entry } from "../../ceremony/running/entries.ts";
import { noCommittee } from "../../ceremony/running/queue.ts";
import type { Ports } from "../../ceremony/running/queue.ts";
import { connectChain } from "../../client/connect.ts";
import { usageError } from "../console/exit.ts";

/** Versions whose keys are kept: a committee changes its members some times a year. */
const maxVersions = 64;

/** The members of versions that were asked for. `learn` asks the chain before a log with other versions is replayed. */
export class CommitteeKeys implements Ports {
  readonly #committee: NonNullable<Definition["committee"]>;
  readonly #rpc: readonly string[];
  readonly #versions = new Map<number, AttestingMembers>();

  constructor(committee: NonNullable<Definition["committee"]>, rpc: readonly string[]) {
    this.#committee = committee;
    this.#rpc = rpc;
  }

  /** Asks the chain for versions that are not known. @throws WhitePayError `network` if the endpoint fails */
  async learn(versions: readonly number[]): Promise<void> {
    const unknown = [...new Set(versions)].filter((version) => !this.#versions.has(version));
    if (unknown.length > 0) await this.#ask(unknown.slice(0, maxVersions));
  }

  /** Asks the chain for the version in force. @throws WhitePayError `network` if the endpoint fails */
  learnPresent(): Promise<void> {
    return this.#ask([undefined]);
  }

  async #ask(versions: readonly (number | undefined)[]): Promise<void> {
    const { chainId, address } = this.#committee;
    const provider = await connectChain({ id: chainId, rpc: this.#rpc });
    try {
      for (const version of versions) {
        const members = await attestingMembers(provider, address, version);
        if (this.#versions.size < maxVersions) this.#versions.set(members.version, members);
      }
    } finally {
      provider.destroy();
    }
  }

  knows(version: number): boolean {
    return this.#versions.has(version);
  }

  quorumOf(version: number): number | undefined {
    return this.#versions.get(version)?.quorum;
  }

  verifyAttestation(...[claim, attestation]: Parameters<Ports["verifyAttestation"]>): boolean {
    const members = this.#versions.get(attestation.version);
    return members !== undefined && verifyContribution(members, claim, attestation);
  }
}

/** The versions that a log's attestations name. */
export function versionsIn(entries: readonly Pick<Entry, "body">[]): number[] {
  return entries.flatMap(({ body }) => (body.type === "attested" ? [body.version] : []));
}

/**
 * What replays a log of this ceremony.
 * @param rpc endpoints of the committee's chain
 * @throws CliError exit 2 if the ceremony has a committee and there is no endpoint
 */
export function portsFor({ committee }: Definition, rpc: readonly string[]): Ports | CommitteeKeys {
  if (committee === undefined) return noCommittee;
  if (rpc.length === 0)
    throw usageError("the ceremony's contributions are attested by a committee: its keys are on a chain", {
      expected: `--rpc with an endpoint of chain ${committee.chainId}`,
      actual: "none",
    });
  return new CommitteeKeys(committee, rpc);
}

/** The same, with the keys for these entries. */
export async function learnedPorts(
  definition: Definition,
  entries: readonly Entry[],
  rpc: readonly string[],
): Promise<Ports | CommitteeKeys> {
  const ports = portsFor(definition, rpc);
  if (ports instanceof CommitteeKeys) await ports.learn(versionsIn(entries));
  return ports;
}
