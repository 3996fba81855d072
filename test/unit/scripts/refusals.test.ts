import { encodeBytes32String, Interface } from "ethers";
import { describe, expect, it } from "vitest";
import { describeFailure } from "../../../scripts/lib/exit.ts";
import { refusalOf } from "../../../scripts/client/refusals.ts";

const abi = new Interface([
  "error Upkeeping_NotWithdrawable(uint256 expectedMax, uint256 actual)",
  "error UpkeepingFactory_BadConfig(bytes32 rule, uint256 expected, uint256 actual)",
  "error Registry_KeyInUse(address owner)",
]);

describe("a refusal of a contract", () => {
  it("names rule, expected, actual and what to do, with exit code 4", () => {
    const data = abi.encodeErrorResult("Upkeeping_NotWithdrawable", [5n, 7n]);
    const { code, lines } = describeFailure(refusalOf(abi, "the withdrawal", { info: { error: { data } } }));
    expect(code).toBe(4);
    expect(lines).toEqual([
      "whitepay: the contract refused the withdrawal: not withdrawable; rule R32: the reserve stays in the escrow",
      "  expected: max 5",
      "  actual:   7",
      "  hint:     ask for at most what is withdrawable",
    ]);
  });

  it("reads the text of a parameter's rule, and values that are neither expected nor actual", () => {
    const rule = encodeBytes32String("slot divides turn");
    const bad = abi.encodeErrorResult("UpkeepingFactory_BadConfig", [rule, 0n, 3n]);
    expect(refusalOf(abi, "it", { data: bad })?.message).toContain("rule slot divides turn");
    const owner = `0x${"11".repeat(20)}`;
    const used = abi.encodeErrorResult("Registry_KeyInUse", [owner]);
    expect(refusalOf(abi, "it", { error: { data: used } })?.message).toContain(`owner ${owner}`);
  });

  it("is told apart from other failures, and an unknown one is still a refusal", () => {
    expect(refusalOf(abi, "it", new Error("socket closed"))).toBeUndefined();
    const unknown = { code: "CALL_EXCEPTION", shortMessage: "execution reverted", data: "0x12345678" };
    expect(refusalOf(abi, "it", unknown)).toMatchObject({ code: "refused" });
  });
});
