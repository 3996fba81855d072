/**
 * A process with one peer that echoes what it is sent, for a machine behind a router. Arguments: the number of its party, and the relays as
 * JSON. It prints its state as a line of JSON after each change.
 */
import type { RelayAddress } from "../../daemon/peers/addresses.ts";
import "../../scripts/fleet/exit-with-parent.ts";
import { partyAt, RelayScene } from "./relay-scene.ts";

const [number = "0", relays = "[]"] = process.argv.slice(2);
const scene = new RelayScene();
scene.addresses.push(...(JSON.parse(relays) as RelayAddress[]));
const onState = (state: object): void => void process.stdout.write(`${JSON.stringify(state)}\n`);
// The router of this machine refuses calls; the peer itself does not.
await scene.peer(await partyAt(Number(number)), { isBehindRouter: false, onState });
