/** Checks before the start of a daemon whether it can listen on its configured ports. */
import { createServer, isIPv6 } from "node:net";

/** A daemon cannot listen on a configured address. The message names the setting, the fault and the remedy. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

type HostAndPort = {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
};

/** `setting` is the key in the configuration. */
export type ConfiguredAddress = HostAndPort & { readonly setting: string };

/** Host and port of a multiaddr over TCP. */
export function hostAndPortOf(multiaddr: string): HostAndPort | undefined {
  const match = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d+)/.exec(multiaddr);
  return match === null ? undefined : { host: match[1] ?? "", port: Number(match[2]) };
}

/** The addresses of `listen` that name an IP address. */
export function listenAddresses(multiaddrs: readonly string[]): ConfiguredAddress[] {
  return multiaddrs.flatMap((multiaddr) => {
    const address = /^\/ip[46]\//.test(multiaddr) ? hostAndPortOf(multiaddr) : undefined;
    return address === undefined ? [] : [{ setting: "listen", ...address }];
  });
}

type Fault = { readonly code: string; readonly reason: string; readonly remedy: string };

function faultOf({ host, port }: HostAndPort, code: string): Fault {
  const other = "end that process, or set another port";
  if (code === "EADDRINUSE") return { code, reason: "another process listens there", remedy: other };
  if (code === "EACCES") {
    return { code, reason: `this user may not listen on port ${port}`, remedy: "set a port from 1024 on" };
  }
  if (code === "EADDRNOTAVAIL") {
    return { code, reason: "this machine has no such address", remedy: "set one of its own, or 0.0.0.0" };
  }
  return { code, reason: `${host} cannot be used (${code})`, remedy: "set an address of this machine" };
}

/** Reason and remedy if listening fails; undefined if it works. */
export function listenFault(address: HostAndPort): Promise<Fault | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", ({ code }: NodeJS.ErrnoException) => done(faultOf(address, code ?? "unknown")));
    server.listen({ host: address.host, port: address.port }, () => server.close(() => done(undefined)));
  });
}

/**
 * Tries every address. A missing IPv6 address is ignored if there is another address: the node then uses IPv4.
 * @throws ListenError for the first address that fails
 */
export async function mustListen(addresses: readonly ConfiguredAddress[]): Promise<void> {
  for (const { setting, host, port } of addresses) {
    const fault = port === 0 ? undefined : await listenFault({ host, port });
    if (fault === undefined) continue;
    const isV6 = isIPv6(host);
    if (isV6 && addresses.length > 1 && !["EADDRINUSE", "EACCES"].includes(fault.code)) continue;
    const where = isV6 ? `[${host}]:${port}` : `${host}:${port}`;
    throw new ListenError(`${setting}: cannot listen on ${where}: ${fault.reason}; ${fault.remedy}`);
  }
}
