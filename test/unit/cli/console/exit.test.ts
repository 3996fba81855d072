import { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { CliError, describeFailure, usageError } from "../../../../cli/console/exit.ts";

const coded = (code: string, message = "text") => Object.assign(new Error(message), { code });

describe("exit codes", () => {
  it("prints message, expected, actual and hint of an expected failure", () => {
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

  it("map network, funds, contract and file errors of libraries", () => {
    expect(describeFailure(coded("ECONNREFUSED")).code).toBe(3);
    expect(describeFailure(coded("SERVER_ERROR")).code).toBe(3);
    expect(describeFailure(coded("CALL_EXCEPTION")).code).toBe(4);
    expect(describeFailure(coded("INSUFFICIENT_FUNDS")).code).toBe(5);
    expect(describeFailure(coded("ENOENT")).code).toBe(2);
  });

  it("prints nothing after an error that commander has printed", () => {
    expect(describeFailure(new CommanderError(1, "commander.unknownOption", "x"))).toEqual({
      code: 2,
      lines: [],
    });
    expect(describeFailure(new CommanderError(0, "commander.helpDisplayed", "x"))).toEqual({
      code: 0,
      lines: [],
    });
  });

  it("come with an explanation and a remedy for errors of the system and of libraries", () => {
    const told = (error: object): string => describeFailure(error).lines.join("\n");
    const call = { code: "CALL_EXCEPTION", shortMessage: "execution reverted", message: "long" };
    expect(told(call)).toContain("a contract refused the call: execution reverted\n  hint:");
    const gone = {
      code: "BAD_DATA",
      value: "0x",
      info: { signature: "keeper(address)" },
      message: "could not decode",
    };
    expect(describeFailure(gone)).toEqual({
      code: 2,
      lines: [
        "whitepay: no WhitePay contract answers the call keeper(address)",
        "  expected: a WhitePay contract at the configured address",
        "  actual:   no contract",
        "  hint:     check the address and the chain; a restarted local chain has none of its earlier contracts",
      ],
    });
    const missing = Object.assign(new Error("ENOENT: no such file or directory, open '/a'"), {
      code: "ENOENT",
      path: "/a",
    });
    expect(told(missing)).toContain("whitepay: /a cannot be used: there is no such file or folder\n  hint:");
    const refused = Object.assign(new Error(""), { code: "ECONNREFUSED", address: "127.0.0.1", port: 1 });
    expect(told(new TypeError("fetch failed", { cause: refused }))).toContain(
      "nothing listens at 127.0.0.1:1\n",
    );
    const other = {
      code: "UNKNOWN_ERROR",
      message: "could not coalesce error",
      error: { message: "nonce too low" },
    };
    expect(told(other)).toContain("nonce too low");
    const reverted = { ...other, error: { message: "VM Exception: reverted with custom error 'A()'" } };
    expect(told(reverted)).toContain("a contract refused the transaction: VM Exception");
  });

  it.each([
    [
      "Node's",
      Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", path: "/a" }),
    ],
    ["LevelDB's", new Error("x", { cause: new Error("IO error: /a/000003.log: No space left on device") })],
    ["SQLite's", Object.assign(new Error("x"), { driverError: { errcode: 13 } })],
  ])("are 1 for a full disk as %s reports it", (_, error) => {
    const { code, lines } = describeFailure(error);
    expect(code).toBe(1);
    expect(lines[0]).toContain("the disk is full");
    expect(lines.slice(1)).toEqual([
      "  expected: free disk space",
      "  actual:   none (ENOSPC)",
      "  hint:     free disk space, then re-run; data written before is kept",
    ]);
  });

  it("come with a hint to WHITEPAY_DEBUG for an unexpected error", () => {
    const { code, lines } = describeFailure(new Error("surprise"));
    expect(code).toBe(1);
    expect(lines.join("\n")).toContain("WHITEPAY_DEBUG=1");
    expect(describeFailure("thrown text").lines[0]).toBe("whitepay: thrown text");
    expect(describeFailure(undefined).lines[0]).toBe("whitepay: undefined");
  });
});
