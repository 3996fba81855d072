import { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { CliError, describeFailure, usageError } from "../../../scripts/lib/exit.ts";

const coded = (code: string, message = "text") => Object.assign(new Error(message), { code });

describe("exit codes", () => {
  it("shows message, expected, actual and hint of an explained failure", () => {
    const error = new CliError({
      code: 5,
      message: "too little",
      expected: "3",
      actual: "2",
      hint: "fund it",
    });
    expect(describeFailure(error)).toEqual({
      code: 5,
      lines: ["whitepay: too little", "  expected: 3", "  actual:   2", "  hint:     fund it"],
    });
    expect(describeFailure(usageError("wrong")).code).toBe(2);
  });

  it("maps network, funds, contract and file failures of the libraries", () => {
    expect(describeFailure(coded("ECONNREFUSED")).code).toBe(3);
    expect(describeFailure(coded("SERVER_ERROR")).code).toBe(3);
    expect(describeFailure(coded("CALL_EXCEPTION")).code).toBe(4);
    expect(describeFailure(coded("INSUFFICIENT_FUNDS")).code).toBe(5);
    expect(describeFailure(coded("ENOENT")).code).toBe(2);
  });

  it("says nothing twice when commander has spoken", () => {
    expect(describeFailure(new CommanderError(1, "commander.unknownOption", "x"))).toEqual({
      code: 2,
      lines: [],
    });
    expect(describeFailure(new CommanderError(0, "commander.helpDisplayed", "x"))).toEqual({
      code: 0,
      lines: [],
    });
  });

  it("prefers the short message of a library and points to more for an unknown fault", () => {
    expect(describeFailure({ code: "CALL_EXCEPTION", shortMessage: "short", message: "long" }).lines).toEqual(
      ["whitepay: short"],
    );
    const { code, lines } = describeFailure(new Error("surprise"));
    expect(code).toBe(1);
    expect(lines.join("\n")).toContain("WHITEPAY_DEBUG=1");
    expect(describeFailure("thrown text").lines[0]).toBe("whitepay: thrown text");
    expect(describeFailure(undefined).lines[0]).toBe("whitepay: undefined");
  });
});
