/** Settings about relays. */

/** auto: only if no relay can dial this node; always: in any case; never: no relay, and no addresses are told. */
export const relayUses = ["auto", "always", "never"] as const;
export type RelaySetting = (typeof relayUses)[number];
