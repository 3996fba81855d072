/** Explains errors of the operating system and of libraries: message, expected, actual and remedy. */
import { endpointFault } from "../../client/contract-fault.ts";
import { otherChainHint } from "../../client/missing-contract.ts";
import { DiskFullError, isDiskFull } from "../../storage/disk/disk-full.ts";
import { fileReason } from "../../storage/disk/file-words.ts";

export type ForeignFault = {
  readonly kind: "failed" | "input" | "network" | "refused" | "funds";
  readonly message: string;
  readonly expected?: string;
  readonly actual?: string;
  readonly hint?: string;
};

type Thrown = {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly shortMessage?: unknown;
  readonly path?: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
  readonly value?: unknown;
  readonly info?: { readonly signature?: unknown } | null;
  readonly error?: { readonly message?: unknown } | null;
  readonly cause?: unknown;
};

function textOf({ shortMessage, message }: Thrown): string {
  return (
    [shortMessage, message].find((text): text is string => typeof text === "string" && text !== "") ?? ""
  );
}

function fileFault(thrown: Thrown): ForeignFault | undefined {
  const { path, message } = thrown;
  const reason = fileReason(thrown);
  if (reason === undefined) return undefined;
  const place = typeof path === "string" ? path : /'([^']+)'/.exec(String(message))?.[1];
  return {
    kind: "input",
    message: place === undefined ? String(message) : `${place} cannot be used: ${reason}`,
    hint: "correct the path, or this user's permissions for it",
  };
}

const unreachable: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPIPE",
  "UND_ERR_SOCKET",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
]);
/** Codes of ethers for a failed endpoint. */
const endpointFailed: ReadonlySet<string> = new Set(["NETWORK_ERROR", "SERVER_ERROR", "TIMEOUT"]);
const endpointHint = "check that the chain's node runs and answers, or use another endpoint";

function refusedCall(said: string): ForeignFault {
  return { kind: "network", message: `the chain's endpoint refused a call: ${said}`, hint: endpointHint };
}

function placeOf({ address, port }: Thrown): string {
  return typeof address === "string" && typeof port === "number" ? ` ${address}:${port}` : " its port";
}

function networkFault(code: string, thrown: Thrown): ForeignFault | undefined {
  const said = endpointFault(thrown);
  if (said !== undefined) return refusedCall(said);
  if (unreachable.has(code)) {
    const message =
      code === "ECONNREFUSED"
        ? `nothing listens at${placeOf(thrown)}`
        : `the network failed: ${textOf(thrown)}`;
    return { kind: "network", message, hint: endpointHint };
  }
  if (endpointFailed.has(code)) {
    return { kind: "network", message: `the chain's endpoint failed: ${textOf(thrown)}`, hint: endpointHint };
  }
  return undefined;
}

function chainFault(code: string, thrown: Thrown): ForeignFault | undefined {
  switch (code) {
    case "BAD_DATA": {
      const signature = thrown.info?.signature;
      const asked = typeof signature === "string" ? ` the call ${signature}` : "";
      return {
        kind: "input",
        message: `no WhitePay contract answers${asked}`,
        expected: "a WhitePay contract at the configured address",
        actual: thrown.value === "0x" ? "no contract" : "a contract of another kind",
        hint: otherChainHint,
      };
    }
    case "CALL_EXCEPTION":
      return {
        kind: "refused",
        message: `a contract refused the call: ${textOf(thrown)}`,
        hint: "docs/protocol.md explains the rules",
      };
    case "INSUFFICIENT_FUNDS":
      return {
        kind: "funds",
        message: `not enough coin: ${textOf(thrown)}`,
        hint: "send coin to the account",
      };
    case "NONCE_EXPIRED":
    case "REPLACEMENT_UNDERPRICED":
      return {
        kind: "network",
        message: `another transaction of this account was sent first: ${textOf(thrown)}`,
        hint: "wait until it is in a block, then re-run; use an account from one program at a time",
      };
    case "UNKNOWN_ERROR": {
      const said = thrown.error?.message;
      if (typeof said !== "string") return undefined;
      // A node that executes a transaction before it takes it reports a revert like this.
      if (/\breverted\b/.test(said)) {
        return {
          kind: "refused",
          message: `a contract refused the transaction: ${said}`,
          hint: "another transaction came first; run the command again",
        };
      }
      return refusedCall(said);
    }
    default:
      return undefined;
  }
}

function diskFault(thrown: Thrown): ForeignFault | undefined {
  if (!isDiskFull(thrown)) return undefined;
  const place = thrown instanceof DiskFullError ? thrown.place : thrown.path;
  const detail = thrown instanceof DiskFullError ? thrown.detail : undefined;
  return {
    kind: "failed",
    message: `the disk is full${typeof place === "string" ? `: ${place} cannot be written` : ""}`,
    expected: "free disk space",
    actual: detail ?? "none (ENOSPC)",
    hint: "free disk space, then re-run; data written before is kept",
  };
}

/** Undefined for an error of an unknown kind. */
export function foreignFault(error: unknown): ForeignFault | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const thrown = error as Thrown;
  const disk = diskFault(thrown);
  if (disk !== undefined) return disk;
  const code = typeof thrown.code === "string" ? thrown.code : "";
  if (thrown.name === "NoContract") return { kind: "input", message: textOf(thrown), hint: otherChainHint };
  if (code === "EMFILE" || code === "ENFILE") {
    return { kind: "failed", message: "too many files are open", hint: "raise the limit: ulimit -n 65536" };
  }
  if (code === "EADDRINUSE") {
    const where = placeOf(thrown);
    return {
      kind: "input",
      message: `cannot listen on${where}: another process listens there`,
      hint: "set another port",
    };
  }
  const found = fileFault(thrown) ?? networkFault(code, thrown) ?? chainFault(code, thrown);
  // fetch throws "fetch failed"; the reason is its cause.
  return found ?? (code === "" && thrown.cause !== undefined ? foreignFault(thrown.cause) : undefined);
}
