import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ZeroAddress, type Contract, type TransactionReceipt, type Wallet } from "ethers";
import { encodeG2 } from "../../client/bls.ts";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { refusal, send } from "../support/contracts/chain.ts";
import { peerId, prove, publicKey, secretOf } from "../support/contracts/keys.ts";
import { range } from "../support/contracts/basics.ts";
import { ServiceWorld } from "../support/contracts/service-world.ts";

let world: ServiceWorld;
let registry: Contract;
let someone: Wallet;

const where = ["/ip4/127.0.0.1/tcp/1"];

beforeAll(async () => {
  world = await ServiceWorld.open();
  registry = world.committees.registry;
  someone = await world.chain.account("someone");
});
afterAll(() => world.chain.close());

type Registration = { key?: string; proof?: string; payee?: string; peer?: string; addresses?: string[] };

async function register(
  change: Registration = {},
  from = someone,
  method = "registerKeeper",
): Promise<unknown> {
  const secret = secretOf("someone");
  const key = change.key ?? publicKey(secret);
  const proof = change.proof ?? prove(secret, world.chain.chainId, await registry.getAddress(), from.address);
  const place = [change.peer ?? peerId("someone"), change.addresses ?? where];
  const args =
    method === "registerKeeper" ? [key, proof, change.payee ?? from.address, ...place] : [key, proof];
  return send(registry, from, method, args);
}

const refused = (change: Registration): ReturnType<typeof refusal> =>
  refusal(register(change), registry.interface);

describe("registering a keeper", () => {
  it("refuses a proof of possession for another key, operator, registry, chain or tag", async () => {
    const at = await registry.getAddress();
    const { chainId } = world.chain;
    const secret = secretOf("someone");
    const proofs = [
      prove(secretOf("another"), chainId, at, someone.address),
      prove(secret, chainId, at, world.payer.address),
      prove(secret, chainId, someone.address, someone.address),
      prove(secret, 1n, at, someone.address),
    ];
    for (const proof of proofs) {
      expect(await refused({ proof })).toEqual({ error: "Registry_BadProof", args: [someone.address] });
    }
  });

  it("refuses infinity as key and as proof, which would verify each other", async () => {
    const key = `0x${"00".repeat(256)}`;
    const proof = `0x${"00".repeat(128)}`;
    expect((await refused({ key, proof })).error).toBe("Registry_ProofIsInfinity");
    expect((await refused({ key })).error).toBe("Registry_KeyIsInfinity");
    expect((await refused({ proof })).error).toBe("Registry_ProofIsInfinity");
  });

  it("refuses a key with a coordinate that is not below the prime, also infinity in that encoding", async () => {
    const p = bls12_381.fields.Fp.ORDER;
    const word = (value: bigint): string => value.toString(16).padStart(128, "0");
    const good = publicKey(secretOf("someone")).slice(2);
    const coordinates = range(4).map((i) => BigInt(`0x${good.slice(128 * i, 128 * (i + 1))}`));
    const written = (values: readonly bigint[]): string => `0x${values.map(word).join("")}`;
    // Negation turns p into 0: without this check the precompile gets infinity, which the infinity check does not detect.
    const keys: [bigint[], number, bigint][] = [
      [[0n, 0n, p, p], 2, p],
      [[0n, 0n, p, 0n], 2, p],
      [[0n, 0n, 0n, p], 3, p],
      ...range(4).map((i): [bigint[], number, bigint] => {
        const more = coordinates.with(i, (coordinates[i] as bigint) + p);
        return [more, i, more[i] as bigint];
      }),
      [coordinates.with(0, (1n << 512n) - 1n), 0, (1n << 512n) - 1n],
      [coordinates.with(3, 1n << 384n), 3, 1n << 384n],
    ];
    for (const [values, place, actual] of keys) {
      expect(await refused({ key: written(values) })).toEqual({
        error: "Registry_KeyNotReduced",
        args: [BigInt(place), actual >> 256n, actual % (1n << 256n)],
      });
    }
    // The largest reduced value is not refused for its size.
    const largest = written([0n, 0n, 0n, p - 1n]);
    expect((await refused({ key: largest })).error).toBe("Registry_BadProof");
  });

  it("refuses keys off the curve, outside the subgroup, or of a wrong size", async () => {
    const { fields } = bls12_381;
    const word = (value: bigint): string => value.toString(16).padStart(128, "0");
    const good = publicKey(secretOf("someone"));
    const offCurve = `0x${word(1n)}${word(1n)}${word(1n)}${word(1n)}`;
    // A point of the curve with a small x: its order has a factor of the cofactor.
    const { Fp2 } = fields;
    let outside = "";
    for (let x = 1n; outside === ""; x += 1n) {
      const point = Fp2.create({ c0: x, c1: 0n });
      const square = Fp2.add(Fp2.mul(Fp2.mul(point, point), point), Fp2.create({ c0: 4n, c1: 4n }));
      try {
        const y = Fp2.sqrt(square);
        outside = `0x${[point.c0, point.c1, y.c0, y.c1].map(word).join("")}`;
      } catch {
        continue;
      }
    }
    for (const key of [offCurve, outside, encodeG2(bls12_381.G2.Point.BASE)]) {
      expect(await refused({ key })).toEqual({ error: "Registry_BadProof", args: [someone.address] });
    }
    expect(await refused({ key: good.slice(0, -2) })).toEqual({
      error: "Registry_BadLength",
      args: [256n, 255n],
    });
    expect(await refused({ proof: "0x00" })).toEqual({ error: "Registry_BadLength", args: [128n, 1n] });
  });

  it("refuses too little gas for the precompiles, instead of accepting an unproven key", async () => {
    const before = await world.chain.rpc("evm_snapshot");
    const { gasUsed } = (await register()) as { gasUsed: bigint };
    await world.chain.rpc("evm_revert", [before]);
    const secret = secretOf("someone");
    const proof = prove(secret, world.chain.chainId, await registry.getAddress(), someone.address);
    const args = [publicKey(secret), proof, someone.address, peerId("someone"), where];
    for (let gasLimit = 60_000; gasLimit < Number(gasUsed); gasLimit += 9_000) {
      await expect(send(registry, someone, "registerKeeper", args, { gasLimit })).rejects.toThrow();
      expect(await registry.getFunction("keyOwner")(publicKey(secret))).toBe(ZeroAddress);
    }
  });

  it("refuses a peer id, a payee or addresses out of bounds", async () => {
    expect(await refused({ peer: "0x1234" })).toEqual({ error: "Registry_BadLength", args: [38n, 2n] });
    expect((await refused({ peer: `0x01${peerId("x").slice(4)}` })).error).toBe("Registry_BadPeerId");
    expect((await refused({ payee: ZeroAddress })).error).toBe("Registry_ZeroPayee");
    expect(await refused({ addresses: [] })).toEqual({ error: "Registry_BadMultiaddrCount", args: [8n, 0n] });
    const many = Array.from({ length: 9 }, () => "/a");
    expect(await refused({ addresses: many })).toEqual({
      error: "Registry_BadMultiaddrCount",
      args: [8n, 9n],
    });
    const long = ["/".repeat(129)];
    expect(await refused({ addresses: long })).toEqual({
      error: "Registry_BadMultiaddrLength",
      args: [128n, 129n],
    });
    expect((await refused({ addresses: [""] })).error).toBe("Registry_BadMultiaddrLength");
  });

  it("keeps all public data, accepts changes, and never accepts a key twice", async () => {
    await register();
    const key = publicKey(secretOf("someone"));
    const found = await registry.getFunction("keeper")(someone.address);
    expect([found.payee, found.keySequence, found.blsKey, found.peerId, [...found.multiaddrs]]).toEqual([
      someone.address,
      1n,
      key,
      peerId("someone"),
      where,
    ]);
    expect((await refused({})).error).toBe("Registry_AlreadyRegistered");
    expect(await registry.getFunction("keyOwner")(key)).toBe(someone.address);

    const second = secretOf("second key");
    const at = await registry.getAddress();
    const proof = prove(second, world.chain.chainId, at, someone.address);
    await register({ key: publicKey(second), proof }, someone, "rotateKeeperKey");
    const rotated = await registry.getFunction("keeper")(someone.address);
    expect([rotated.keySequence, rotated.blsKey]).toEqual([2n, publicKey(second)]);
    const back = refusal(register({}, someone, "rotateKeeperKey"), registry.interface);
    expect(await back).toEqual({ error: "Registry_KeyInUse", args: [someone.address] });

    await send(registry, someone, "updateKeeperEndpoint", [peerId("moved"), ["/a", "/b"]]);
    const moved = await registry.getFunction("keeper")(someone.address);
    expect([moved.peerId, [...moved.multiaddrs]]).toEqual([peerId("moved"), ["/a", "/b"]]);
    expect(await registry.getFunction("keeperCount")()).toBe(1n);
    expect([...(await registry.getFunction("keeperOperators")(0, 9))]).toEqual([someone.address]);
    expect([...(await registry.getFunction("keeperOperators")(5, 9))]).toEqual([]);
    const proven = await registry.getFunction("proofMessage")(someone.address, key);
    expect(proven.length).toBe(2 + 2 * (4 * 32 + 32 + 256));
  });

  it("changes a payee in two steps, for keepers and providers", async () => {
    const payee = await world.chain.account("payee");
    const provider = await world.provider("registry provider");
    for (const [role, operator] of [
      ["Keeper", someone],
      ["Provider", provider],
    ] as const) {
      await send(registry, operator, `name${role}Payee`, [operator.address, payee.address]);
      const read = registry.getFunction(`${role.toLowerCase()}Payee`);
      expect(await read(operator.address)).toBe(operator.address);
      const early = refusal(
        send(registry, operator, `accept${role}Payee`, [operator.address]),
        registry.interface,
      );
      expect(await early).toEqual({
        error: "Registry_NotPendingPayee",
        args: [payee.address, operator.address],
      });
      await send(registry, payee, `accept${role}Payee`, [operator.address]);
      expect(await read(operator.address)).toBe(payee.address);
      const name = (from: Wallet, args: readonly string[]): ReturnType<typeof refusal> =>
        refusal(send(registry, from, `name${role}Payee`, args), registry.interface);
      expect((await name(payee, [operator.address, ZeroAddress])).error).toBe("Registry_ZeroPayee");
      expect(await name(payee, [payee.address, payee.address])).toEqual({
        error: "Registry_NotRegistered",
        args: [payee.address],
      });
    }
    await send(registry, provider, "updateProviderEndpoint", [peerId("p"), ["/c"]]);
    const found = await registry.getFunction("provider")(provider.address);
    expect([found.payee, found.peerId, [...found.multiaddrs]]).toEqual([payee.address, peerId("p"), ["/c"]]);
    expect(await registry.getFunction("providerCount")()).toBe(1n);
    expect([...(await registry.getFunction("providerOperators")(0, 1))]).toEqual([provider.address]);
  });
});

describe("a stolen operator key", () => {
  it("cannot redirect a keeper's or a provider's money, by any call of the registry (R3)", async () => {
    const [safe, thief, next] = [
      await world.chain.account("safe"),
      await world.chain.account("thief"),
      await world.chain.account("next payee"),
    ];
    const stolen = await world.committees.register("stolen");
    const provider = await world.provider("stolen provider");
    for (const [role, operator] of [
      ["Keeper", stolen.operator],
      ["Provider", provider],
    ] as const) {
      const read = registry.getFunction(`${role.toLowerCase()}Payee`);
      const call = (from: Wallet, verb: string, args: readonly unknown[]): Promise<unknown> =>
        send(registry, from, `${verb}${role}Payee`, args);
      // The owner names a payee whose key is not on the machine.
      await call(operator, "name", [operator.address, safe.address]);
      await call(safe, "accept", [operator.address]);

      const named = refusal(call(operator, "name", [operator.address, thief.address]), registry.interface);
      expect(await named).toEqual({ error: "Registry_NotPayee", args: [safe.address, operator.address] });
      for (const from of [operator, thief]) {
        const taken = refusal(call(from, "accept", [operator.address]), registry.interface);
        expect(await taken).toEqual({ error: "Registry_NotPendingPayee", args: [ZeroAddress, from.address] });
      }
      const place = [peerId("thief"), where];
      const secret = secretOf("thief's BLS key");
      const at = await registry.getAddress();
      const keys = [publicKey(secret), prove(secret, world.chain.chainId, at, operator.address)];
      const first = role === "Keeper" ? keys : [];
      const again = send(registry, operator, `register${role}`, [...first, thief.address, ...place]);
      expect((await refusal(again, registry.interface)).error).toBe("Registry_AlreadyRegistered");
      // No call that the operator's key may make concerns money.
      await send(registry, operator, `update${role}Endpoint`, place);
      if (role === "Keeper") await send(registry, operator, "rotateKeeperKey", keys);
      expect(await read(operator.address)).toBe(safe.address);

      // The owner can name another payee, and cancel a nomination before it is accepted.
      await call(safe, "name", [operator.address, next.address]);
      await call(safe, "name", [operator.address, safe.address]);
      const late = refusal(call(next, "accept", [operator.address]), registry.interface);
      expect((await late).error).toBe("Registry_NotPendingPayee");
      await call(safe, "name", [operator.address, next.address]);
      await call(next, "accept", [operator.address]);
      expect(await read(operator.address)).toBe(next.address);
    }
  });
});

describe("the registration sequence", () => {
  it("rises by one with each registration and change of endpoint, of keepers and providers alike (R3)", async () => {
    const last = async (): Promise<bigint> => registry.getFunction("registrationSequence")();
    const logged = (receipt: TransactionReceipt): bigint =>
      registry.interface.parseLog(receipt.logs.at(-1) as TransactionReceipt["logs"][number])?.args[
        "registrationSequence"
      ];
    const before = await last();
    const keeper = await world.committees.register("sequence keeper");
    const provider = await world.provider("sequence provider");
    const read = async (role: "keeper" | "provider", operator: Wallet): Promise<bigint> =>
      (await registry.getFunction(role)(operator.address)).registrationSequence;
    expect(await read("keeper", keeper.operator)).toBe(before + 1n);
    expect(await read("provider", provider)).toBe(before + 2n);
    expect(await last()).toBe(before + 2n);

    const moves = [
      ["Keeper", keeper.operator],
      ["Provider", provider],
      ["Keeper", keeper.operator],
    ] as const;
    for (const [i, [role, operator]] of moves.entries()) {
      const args = [peerId(`moved ${i}`), where];
      expect(logged(await send(registry, operator, `update${role}Endpoint`, args))).toBe(
        before + 3n + BigInt(i),
      );
    }
    expect(await read("keeper", keeper.operator)).toBe(before + 5n);
    expect(await read("provider", provider)).toBe(before + 4n);

    // Neither a new BLS key nor a new payee claims a peer id.
    const secret = secretOf("sequence key");
    const proof = prove(secret, world.chain.chainId, await registry.getAddress(), keeper.operator.address);
    await send(registry, keeper.operator, "rotateKeeperKey", [publicKey(secret), proof]);
    await send(registry, keeper.operator, "nameKeeperPayee", [keeper.operator.address, provider.address]);
    expect(await last()).toBe(before + 5n);
    expect(await read("keeper", keeper.operator)).toBe(before + 5n);
    // One operator in both roles has an entry in each.
    await world.provider("sequence keeper");
    expect(await read("provider", keeper.operator)).toBe(before + 6n);
    expect(await read("keeper", keeper.operator)).toBe(before + 5n);
  });
});
