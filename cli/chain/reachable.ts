/** Whether a peer can be reached from this machine. */
import { connect } from "node:net";
import { hostAndPortOf } from "../../daemon/listen.ts";

const dialTimeout_ms = 3_000;

/** True if a TCP connection to the address opens. */
function reachable(multiaddr: string): Promise<boolean> {
  const address = hostAndPortOf(multiaddr);
  if (address === undefined) return Promise.resolve(false);
  return new Promise((done) => {
    const socket = connect({ ...address, timeout: dialTimeout_ms });
    const end = (is: boolean) => (): void => {
      socket.destroy();
      done(is);
    };
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false));
  });
}

/** Of each party, whether one of its addresses is reachable. */
export function reachableParties(
  parties: readonly { readonly multiaddrs: readonly string[] }[],
): Promise<boolean[]> {
  return Promise.all(
    parties.map(async ({ multiaddrs }) => (await Promise.all(multiaddrs.map(reachable))).some(Boolean)),
  );
}
