import { encodeBytes32String, Interface, type ErrorFragment } from "ethers";
import { describe, expect, it } from "vitest";
import { describeFailure } from "../../../cli/console/exit.ts";
import {
  committeeAbi,
  factoryAbi,
  groupAbi,
  lensAbi,
  registryAbi,
  tokenAbi,
  vouchersAbi,
} from "../../../client/abi.ts";
import { refusalWords } from "../../../client/refusal-words.ts";
import { refusalOf } from "../../../client/refusals.ts";

/** Names of actual values in the contracts' errors. */
const actualNames = /^actual|^available$|^overlap$|^allowance$|^balance$|^signer$/;
const abi = new Interface([
  "error Upkeeping_Underfunded(uint256 required, uint256 available)",
  "error UpkeepingFactory_BadConfig(bytes32 rule, uint256 expected, uint256 actual)",
  "error Registry_KeyInUse(address owner)",
]);

describe("a refusal of a contract", () => {
  it("has rule, expected value, actual value and remedy, and exit code 4", () => {
    const data = abi.encodeErrorResult("Upkeeping_Underfunded", [7n, 5n]);
    const { code, lines } = describeFailure(refusalOf(abi, "the withdrawal", { info: { error: { data } } }));
    expect(code).toBe(4);
    expect(lines).toEqual([
      "whitepay: the contract refused the withdrawal: underfunded; rule R32: the escrow must cover what is required",
      "  expected: at least 7 units (the token's smallest)",
      "  actual:   5 units (the token's smallest)",
      "  hint:     deposit the difference first (whitepay group fund), or withdraw less",
    ]);
  });

  it("has the text of a parameter's rule, and values that are neither expected nor actual", () => {
    const rule = encodeBytes32String("slot divides turn");
    const bad = abi.encodeErrorResult("UpkeepingFactory_BadConfig", [rule, 0n, 3n]);
    expect(refusalOf(abi, "it", { data: bad })?.message).toContain("rule slot divides turn");
    const owner = `0x${"11".repeat(20)}`;
    const used = abi.encodeErrorResult("Registry_KeyInUse", [owner]);
    expect(refusalOf(abi, "it", { error: { data: used } })?.message).toContain(`owner ${owner}`);
  });

  it("has its error name as separate words", () => {
    const data = committeeAbi.encodeErrorResult("Committee_NotAKeeper", [`0x${"11".repeat(20)}`]);
    // A group's call may fail in its committee.
    expect(refusalOf(groupAbi, "it", { data })?.message).toMatch(/: not a keeper \(/);
  });

  it("differs from other failures; an unknown error is a refusal too", () => {
    expect(refusalOf(abi, "it", new Error("socket closed"))).toBeUndefined();
    const unknown = { code: "CALL_EXCEPTION", shortMessage: "execution reverted", data: "0x12345678" };
    expect(refusalOf(abi, "it", unknown)).toMatchObject({ code: "refused" });
  });

  const errors = [
    ...groupAbi.fragments,
    ...committeeAbi.fragments,
    ...lensAbi.fragments,
    ...factoryAbi.fragments,
    ...registryAbi.fragments,
    ...tokenAbi.fragments,
    ...vouchersAbi.fragments,
  ]
    .filter((fragment) => fragment.type === "error")
    .map((fragment) => fragment as ErrorFragment)
    .filter(({ name }, i, all) => all.findIndex((other) => other.name === name) === i);

  it("has a rule and a remedy for every error of the contracts", () => {
    const names = errors.map(({ name }) => name);
    expect(names.filter((name) => !Object.hasOwn(refusalWords, name))).toEqual([]);
  });

  it("has no words for errors that no contract has", () => {
    const names = new Set(errors.map(({ name }) => name));
    expect(Object.keys(refusalWords).filter((name) => !names.has(name))).toEqual([]);
  });

  it.each(errors.map((error) => [error.name, error] as const))(
    "tells expected and actual wherever the contract gives both: %s",
    (_, error) => {
      const values = error.inputs.map(({ type }, i) =>
        type === "address"
          ? `0x${String(i + 1).repeat(40)}`
          : type.startsWith("bytes")
            ? `0x${"ab".repeat(Number(type.slice(5)))}`
            : type === "bool"
              ? i === 0
              : BigInt(i + 41),
      );
      const abi = new Interface([error]);
      const told = refusalOf(abi, "it", { data: abi.encodeErrorResult(error, values) });
      expect(told?.message).toMatch(/^the contract refused it: [a-z0-9 ]+( \(.*\))?; rule R\d+: /);
      expect(told?.hint).not.toContain("docs/protocol.md");
      const both = error.inputs.some(({ name }) => actualNames.test(name));
      expect(told?.expected !== undefined && told.actual !== undefined).toBe(both);
      // No value is lost on the way.
      const text = [told?.message, told?.expected, told?.actual].join(" ");
      for (const value of values) expect(text.toLowerCase()).toContain(String(value));
    },
  );

  it("has values with their unit: blocks, or amounts in the group's token", () => {
    const early = groupAbi.encodeErrorResult("Upkeeping_NotAbandonable", [120, 99]);
    expect(refusalOf(groupAbi, "abandoning", { data: early })).toMatchObject({
      expected: "block 120 or later",
      actual: "block 99",
    });
    const token = { address: `0x${"12".repeat(20)}`, symbol: "USD", decimals: 2 };
    const much = groupAbi.encodeErrorResult("Upkeeping_Underfunded", [500n, 101n]);
    expect(refusalOf(groupAbi, "it", { data: much }, token)).toMatchObject({
      expected: "at least 5 USD",
      actual: "1.01 USD",
    });
  });

  it("is recognised if the token of a group throws it", () => {
    const [spender] = [`0x${"34".repeat(20)}`];
    const data = tokenAbi.encodeErrorResult("ERC20InsufficientAllowance", [spender, 3n, 9n]);
    expect(refusalOf(groupAbi, "depositing", { data })).toMatchObject({
      expected: "at least 9 units (the token's smallest) allowed",
      actual: "3 units (the token's smallest)",
    });
  });
});
