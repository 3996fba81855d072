/** Byzantine keepers: decorators over the ports of an honest keeper, so the core has no code for them. */
import { decodeMessage } from "../../protocol/codec/message.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
import type { OwnValues } from "../../keeper/core/effects.ts";
import type { Hex } from "../../protocol/hash.ts";
import { commitmentOf, roundId } from "../../protocol/messages.ts";
import type { Body, BodyOf } from "../../protocol/messages.ts";
import { valuesRoot } from "../../protocol/values.ts";
import { turnKey } from "../../keeper/core/state.ts";
import type { StorePort } from "../../keeper/ports/store.ts";
import type { KeeperDependencies } from "../../keeper/runtime/keeper.ts";
import { borrowReceipts, carryOn, forgeReceipts } from "./false-records.ts";
import { censor, closeTwice, omitReveal } from "./leaving-out.ts";
import { lyingTransport, signedAgain } from "./lying-transport.ts";
import type { LiarOptions, Lie } from "./lying-transport.ts";
import { override } from "./override.ts";

export type Behaviour = (ports: KeeperDependencies) => KeeperDependencies;

function says(lie: Lie, options: LiarOptions = {}): Behaviour {
  return (ports) => ({ ...ports, transport: lyingTransport(ports.transport, ports.keyring, lie, options) });
}

/** A store that reads the true values and salts from the machine's writes, before the machine sends them. */
function spyingStore(inner: StorePort, own: Map<string, OwnValues>, salts: Map<Hex, Hex>): StorePort {
  return override(inner, {
    write: async (committee, writes) => {
      await inner.write(committee, writes);
      for (const write of writes) {
        if (write.kind === "own") own.set(`${committee}/${turnKey(write.own.ts, write.own.turn)}`, write.own);
        if (write.kind === "salt") salts.set(write.round, write.salt);
      }
    },
  });
}

/** Commits to and reveals `change` of its true values. */
function claim(change: (value: bigint) => bigint): Behaviour {
  return (ports) => {
    const own = new Map<string, OwnValues>();
    const salts = new Map<Hex, Hex>();
    const lie: Lie = ({ chainId, committee, keeper, body }) => {
      if (body.kind === "reveal") {
        const { values } = body;
        // Only values that fit the message: a page cannot be changed without its hash.
        if (values.kind === "pages") return [body];
        return [{ ...body, values: { ...values, values: values.values.map(change) } }];
      }
      if (body.kind !== "commit") return [body];
      const id = roundId(chainId, committee, body.round);
      const truth = own.get(`${committee}/${turnKey(body.round.ts, body.round.turn)}`);
      const salt = salts.get(id);
      if (truth === undefined || salt === undefined) return [body];
      const { recordsRoot, values } = truth;
      const root = valuesRoot(values.map(({ value }) => change(value)));
      return [{ ...body, commitment: commitmentOf(id, keeper, root, recordsRoot, salt) }];
    };
    const store = spyingStore(ports.store, own, salts);
    return says(lie, { convinced: true })({ ...ports, store });
  };
}

/** Multiplies its values by `percent` / 100. */
export function inflate(percent: number): Behaviour {
  return claim((value) => (value * BigInt(percent)) / 100n);
}

export function deflate(): Behaviour {
  return claim(() => 0n);
}

export function withhold(kind: "reveal" | "partial" | "commit"): Behaviour {
  return says(({ body }) => (body.kind === kind ? [] : [body]));
}

/**
 * Waits for another keeper's commitment of the round and sends the first one as its own; when that keeper reveals, it sends
 * the same values, salt and leaves.
 */
export function copyCommit(): Behaviour {
  return (ports) => {
    const copied = new Map<Hex, BodyOf<"commit"> & { readonly of: number }>();
    const waiting = new Map<Hex, (commitment: Hex) => void>();
    const me = new Map<Hex, Envelope>();
    const say = (topic: string, as: Envelope, body: Body): void =>
      void ports.transport.publish(topic, signedAgain(as, body, ports.keyring));
    const lie: Lie = (message, topic) => {
      const { chainId, committee, body } = message;
      me.set(committee, message);
      if (body.kind === "reveal") return [];
      if (body.kind !== "commit") return [body];
      const id = roundId(chainId, committee, body.round);
      const heard = copied.get(id);
      if (heard !== undefined) return [{ ...body, commitment: heard.commitment }];
      waiting.set(id, (commitment) => say(topic, message, { ...body, commitment }));
      return [];
    };
    const overhear = ({ chainId, committee, keeper, body }: Envelope, topic: string): void => {
      if (body.kind !== "commit" && body.kind !== "reveal") return;
      const id = roundId(chainId, committee, body.round);
      if (body.kind === "commit" && !copied.has(id)) {
        copied.set(id, { ...body, of: keeper });
        waiting.get(id)?.(body.commitment);
        waiting.delete(id);
      }
      if (body.kind === "reveal" && copied.get(id)?.of === keeper) {
        const as = me.get(committee);
        if (as !== undefined) say(topic, as, body);
      }
    };
    return { ...ports, transport: lyingTransport(ports.transport, ports.keyring, lie, { overhear }) };
  };
}

/** As leader, publishes a second closed set without the last commit. */
export function equivocateClose(): Behaviour {
  return says(({ body }) =>
    body.kind === "close" ? [body, { ...body, commits: body.commits.slice(0, -1) }] : [body],
  );
}

/** Reveals twice, once with a salt that does not open its commitment; the network decides which reveal arrives first. */
export function equivocateReveal(): Behaviour {
  return says(({ body }) =>
    body.kind === "reveal" ? [{ ...body, salt: `0x${"5a".repeat(32)}` }, body] : [body],
  );
}

/** As leader, announces its round twice, with two heads, to choose between two sets of time limits (R19). */
export function announceTwice(): Behaviour {
  return says(({ body }) => (body.kind === "announce" ? [body, { ...body, head: body.head + 1 }] : [body]));
}

/** As leader, names an audit block whose hash it knows when it closes the set. */
function closeLate(): Behaviour {
  return says(
    ({ body }) => (body.kind === "close" ? [{ ...body, auditBlock: body.auditBlock - 4 }] : [body]),
    {
      convinced: true,
    },
  );
}

/** With every hello, sends `messages` hellos of invented instances. */
export function flood(messages: number): Behaviour {
  return says(({ body }) => {
    if (body.kind !== "hello") return [body];
    const names = Array.from({ length: messages }, (_, i) => i.toString(16).padStart(32, "0"));
    return [body, ...names.map((name) => ({ ...body, instance: `0x${name}` as const }))];
  });
}

/** Skips challenges: sends one only if `asks` returns true, and records the others as refused. */
export function lazy(asks: () => boolean): Behaviour {
  return (ports) => ({
    ...ports,
    provider: override(ports.provider, {
      challenge: (target, request, limits) =>
        asks()
          ? ports.provider.challenge(target, request, limits)
          : Promise.resolve({ ok: false, reason: "refused", detail: "skipped" } as const),
    }),
  });
}

/** Signs every proposed digest without checks, as often as it is proposed. */
export function signAnything(): Behaviour {
  return (ports) => {
    const me = new Map<Hex, Envelope>();
    const lie: Lie = (message) => {
      me.set(message.committee, message);
      return [message.body];
    };
    const overhear = ({ body, committee }: Envelope, topic: string): void => {
      const as = me.get(committee);
      if (body.kind !== "proposal" || as === undefined) return;
      const { round, digest } = body;
      const signature = ports.keyring.signDigest(digest);
      const partial = { kind: "partial", round, digest, signature } as const;
      void ports.transport.publish(topic, signedAgain(as, partial, ports.keyring));
    };
    return { ...ports, transport: lyingTransport(ports.transport, ports.keyring, lie, { overhear }) };
  };
}

/** D3: with every message, sends malformed bytes: truncated, changed, overlong, empty. */
function garbage(): Behaviour {
  return (ports) => {
    const { transport } = ports;
    const publish: typeof transport.publish = async (topic, bytes) => {
      await transport.publish(topic, bytes);
      const changed = bytes.map((byte, i) => (i % 7 === 3 ? byte ^ 0x55 : byte));
      const overlong = new Uint8Array(bytes.length + 65_536);
      overlong.set(bytes);
      for (const rubbish of [bytes.subarray(0, bytes.length - 1), changed, overlong, new Uint8Array()])
        await transport.publish(topic, rubbish);
    };
    return { ...ports, transport: override(transport, { publish }) };
  };
}

/** D4: repeats every message for another chain, committee and version, under another keeper's index, and for the next turn. */
function misaddressed(): Behaviour {
  return (ports) => {
    const { transport, keyring } = ports;
    const publish: typeof transport.publish = async (topic, bytes) => {
      await transport.publish(topic, bytes);
      const decoded = decodeMessage(bytes);
      if (!decoded.ok) return;
      const { body, ...rest } = decoded.value;
      const elsewhere = [
        { ...rest, chainId: rest.chainId + 1 },
        { ...rest, committee: `0x${"99".repeat(20)}` as const },
        { ...rest, version: rest.version + 1 },
        { ...rest, keeper: rest.keeper === 0 ? 1 : 0 },
      ];
      for (const one of elsewhere)
        await transport.publish(topic, signedAgain({ ...one, body }, body, keyring));
      if (body.kind === "hello") return;
      const later = { ...body, round: { ...body.round, turn: body.round.turn + 1 } };
      await transport.publish(topic, signedAgain(decoded.value, later, keyring));
    };
    return { ...ports, transport: override(transport, { publish }) };
  };
}

/** D5: sends the point at infinity as its signature on the certificate. */
function infinitySignature(): Behaviour {
  return says(({ body }) =>
    body.kind === "partial" ? [{ ...body, signature: `0xc0${"00".repeat(47)}` }] : [body],
  );
}

/** Parameters of behaviours; each behaviour uses its own. */
export type BehaviourParameters = {
  /** inflate: the factor of its values. */
  readonly factor?: number | undefined;
  /** flood: false hellos with every true one. */
  readonly messages?: number | undefined;
  /** lazy: one challenge of so many is asked; undefined: none. False receipts: one of so many is false; undefined: all. */
  readonly oneIn?: number | undefined;
  /** censor, omit-reveal, close-twice: the keeper that is left out. */
  readonly victim?: number | undefined;
};

/** True for the first of every `oneIn` calls; never true if `oneIn` is undefined. */
function oneOf(oneIn: number | undefined): () => boolean {
  let count = 0;
  return () => oneIn !== undefined && count++ % oneIn === 0;
}

/** All behaviours by the names that scenarios and process tests use. */
export const behaviours = {
  inflate: ({ factor = 1.5 }) => inflate(Math.round(100 * factor)),
  deflate: () => deflate(),
  "copy-commit": () => copyCommit(),
  "withhold-reveal": () => withhold("reveal"),
  "withhold-signature": () => withhold("partial"),
  "withhold-commit": () => withhold("commit"),
  "equivocate-close": () => equivocateClose(),
  "equivocate-reveal": () => equivocateReveal(),
  "announce-twice": () => announceTwice(),
  "close-late": () => closeLate(),
  flood: ({ messages = 400 }) => flood(messages),
  lazy: ({ oneIn }) => lazy(oneOf(oneIn)),
  censor: ({ victim = 0 }) => censor(victim),
  "omit-reveal": ({ victim = 0 }) => omitReveal(victim),
  "close-twice": ({ victim = 0 }) => closeTwice(victim),
  "sign-anything": () => signAnything(),
  garbage: () => garbage(),
  misaddressed: () => misaddressed(),
  "infinity-signature": () => infinitySignature(),
  "forge-receipts": ({ oneIn = 1 }) => forgeReceipts(oneOf(oneIn)),
  "borrow-receipts": ({ oneIn = 1 }) => borrowReceipts(oneOf(oneIn)),
  "carry-on": () => carryOn(),
} satisfies Record<string, (parameters: BehaviourParameters) => Behaviour>;

export type BehaviourName = keyof typeof behaviours;

/** All behaviours with default parameters. */
export const plainBehaviours: ReadonlyMap<string, Behaviour> = new Map(
  Object.entries(behaviours).map(([name, make]) => [name, make({})]),
);
