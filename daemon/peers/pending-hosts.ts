/** Limits the connections of one host before their encryption handshake ends (D6). */

/** A connection of libp2p below encryption. */
export type PendingConnection = {
  readonly remoteAddr: { getComponents(): readonly { readonly name: string; readonly value?: string }[] };
  addEventListener(type: "close", listener: () => void, options?: { once?: boolean }): void;
};

export class PendingHosts {
  readonly #perHost: number;
  readonly #counts = new Map<string, number>();
  readonly #pending = new WeakMap<PendingConnection, string>();

  constructor(perHost: number) {
    this.#perHost = perHost;
  }

  /** Counts a new connection; false if its host is at the limit. */
  begins(connection: PendingConnection): boolean {
    const host = hostOf(connection);
    const count = this.#counts.get(host) ?? 0;
    if (count >= this.#perHost) return false;
    this.#counts.set(host, count + 1);
    this.#pending.set(connection, host);
    connection.addEventListener("close", () => this.ended(connection), { once: true });
    return true;
  }

  /** The handshake ended, or the connection closed: no longer counted. */
  ended(connection: PendingConnection): void {
    const host = this.#pending.get(connection);
    if (host === undefined) return;
    this.#pending.delete(connection);
    const left = (this.#counts.get(host) ?? 1) - 1;
    if (left > 0) this.#counts.set(host, left);
    else this.#counts.delete(host);
  }
}

/** The IPv4 address, or the network prefix (64 bits) of the IPv6 address. */
function hostOf({ remoteAddr }: PendingConnection): string {
  const components = remoteAddr.getComponents();
  const ip6 = components.find(({ name }) => name === "ip6")?.value;
  if (ip6 !== undefined) return network(ip6);
  return components.find(({ name }) => name === "ip4")?.value ?? "";
}

/** The first four of eight groups; `::` stands for the missing zero groups. */
function network(ip6: string): string {
  const [head = "", tail] = ip6.split("::");
  const [before, after] = [head, tail ?? ""].map((part) => part.split(":").filter((group) => group !== ""));
  const missing = 8 - (before?.length ?? 0) - (after?.length ?? 0);
  const groups = [...(before ?? []), ...Array.from({ length: missing }, () => "0"), ...(after ?? [])];
  return groups.slice(0, 4).join(":");
}
