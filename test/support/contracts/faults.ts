/** Copies of the contracts with planted faults, of which one at a time is on, and the tests that must detect each. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { projectRoot } from "../../../scripts/paths.ts";
import { replaceCode } from "../../mutation/plant.ts";

export type Fault = {
  name: string;
  file: string;
  original: string;
  /** The code in its place; `$ON` is true while this fault is on. */
  planted: string;
  /** Test file, and the part of a test's name that selects the tests to run. */
  suite: string;
  only: string;
};

const settling = { suite: "settle" };

export const faults: readonly Fault[] = [
  {
    ...settling,
    name: "the keepers' cut rounded up",
    file: "Upkeeping.sol",
    original: "uint256 itsCut = (amount * bps) / BPS;",
    planted: "uint256 itsCut = (amount * bps + ($ON ? BPS - 1 : 0)) / BPS;",
    only: "to the unit",
  },
  {
    ...settling,
    name: "a stale ts is accepted",
    file: "group/GroupSettlement.sol",
    original: "if (a.ts != hot.ts) revert Upkeeping_StaleStart(",
    planted: "if (!$ON && a.ts != hot.ts) revert Upkeeping_StaleStart(",
    only: "a stale ts",
  },
  {
    ...settling,
    name: "a settlement after its window is accepted",
    file: "group/GroupSettlement.sol",
    original: "if (block.number >= te + turn) revert",
    planted: "if (!$ON && block.number >= te + turn) revert",
    only: "after its window",
  },
  {
    ...settling,
    name: "a quorum of q − 1 signers",
    file: "group/GroupSettlement.sol",
    original: "if (signing < expectedSigners)",
    planted: "if (signing < ($ON ? expectedSigners - 1 : expectedSigners))",
    only: "too few signers",
  },
  {
    ...settling,
    name: "payees share what keepers without a share leave",
    file: "group/GroupSettlement.sol",
    original: "share = _quotient(cut, a.n - a.failedCount);",
    planted: "share = _quotient(cut, $ON ? Quorum.count(a.payees) : a.n - a.failedCount);",
    only: "leaves out the share",
  },
  {
    ...settling,
    name: "a failed keeper may be a payee",
    file: "group/GroupSettlement.sol",
    original: "if (a.failed & a.payees != 0) revert",
    planted: "if (!$ON && a.failed & a.payees != 0) revert",
    only: "failed keepers and payees",
  },
  {
    ...settling,
    name: "more is paid than was committed",
    file: "Upkeeping.sol",
    original: "signed = committed;",
    planted: "if (!$ON) signed = committed;",
    only: "committed integral",
  },
  {
    ...settling,
    name: "infinity is accepted as a signature",
    file: "group/GroupSettlement.sol",
    original: "if (Quorum.isInfinity(signature)) revert",
    planted: "if (!$ON && Quorum.isInfinity(signature)) revert",
    only: "infinity as a signature",
  },
  {
    ...settling,
    name: "the upper part of a debt is lost",
    file: "group/GroupSettlement.sol",
    original: "if (carried != 0)",
    planted: "if (carried != 0 && !$ON)",
    suite: "money",
    only: "carry beyond 64 bits",
  },
  {
    name: "a key without proof of possession",
    file: "Registry.sol",
    original: "if (!BLS.pairingHolds(place)) revert",
    planted: "if (!$ON && !BLS.pairingHolds(place)) revert",
    suite: "registry",
    only: "proof of possession",
  },
  {
    name: "infinity is accepted as a key",
    file: "Registry.sol",
    original: "revert Registry_KeyIsInfinity();",
    planted: "if (!$ON) revert Registry_KeyIsInfinity();",
    suite: "registry",
    only: "infinity as key",
  },
  {
    name: "infinity in its second encoding is accepted as a key",
    file: "Registry.sol",
    original: "_checkCoordinates(place + 512);",
    planted: "if (!$ON) _checkCoordinates(place + 512);",
    suite: "registry",
    only: "not below the prime",
  },
  {
    name: "an operator's key names another payee",
    file: "Registry.sol",
    original: "if (msg.sender != party.payee) revert",
    planted: "if (msg.sender != party.payee && !($ON && msg.sender == operator)) revert",
    suite: "registry",
    only: "cannot redirect a keeper's or a provider's money",
  },
  {
    name: "a payer's key names another payee",
    file: "group/GroupTreasury.sol",
    original: "if (msg.sender != present) revert",
    planted: "if (msg.sender != present && !($ON && msg.sender == GroupArgs.load().payer())) revert",
    suite: "money",
    only: "go to the payer's payee",
  },
  {
    name: "a change of endpoint keeps its registration sequence",
    file: "Registry.sol",
    original: "sequence = ++registrationSequence;",
    planted:
      "sequence = $ON && party.registrationSequence != 0 ? party.registrationSequence : ++registrationSequence;",
    suite: "registry",
    only: "rises by one",
  },
  {
    name: "a call may be re-entered",
    file: "group/GroupStorage.sol",
    original: "if (_entered) revert",
    planted: "if (!$ON && _entered) revert",
    suite: "money",
    only: "cannot be counted twice",
  },
  {
    name: "no money is reserved for the lockup",
    file: "group/GroupCommitments.sol",
    original: "uint256 ahead = args.lockup();",
    planted: "uint256 ahead = $ON ? 1 : args.lockup();",
    suite: "money",
    only: "leave the payer what is neither",
  },
  {
    name: "a signature counts again after a keeper declined",
    file: "group/GroupCommittees.sol",
    original: "if ((record.declined >> index) & 1 != 0) revert",
    planted: "if (!$ON && (record.declined >> index) & 1 != 0) revert",
    suite: "attacks",
    only: "declined its seat",
  },
  {
    name: "an addition needs no money",
    file: "group/GroupProviders.sol",
    original: "        _checkFunds(hot, args);\n        _setHot(hot);\n        emit ProviderAdded",
    planted: "        if (!$ON) _checkFunds(hot, args);\n        _setHot(hot);\n        emit ProviderAdded",
    suite: "funds",
    only: "a slot before the end",
  },
  {
    name: "growth needs no money",
    file: "group/GroupProviders.sol",
    original: "if (change.size > lastSize) _checkFunds",
    planted: "if (!$ON && change.size > lastSize) _checkFunds",
    suite: "funds",
    only: "of data is refused",
  },
  {
    name: "only the present size counts for what is required",
    file: "group/GroupCommitments.sol",
    original: "return _max(live.size, record.changes[record.next].peak);",
    planted: "return $ON ? live.size : _max(live.size, record.changes[record.next].peak);",
    suite: "funds",
    only: "largest size since",
  },
  {
    name: "a former larger size counts forever",
    file: "group/GroupCommitments.sol",
    original: "== 0) _peaks -= before - afterwards;",
    planted: "== 0) _peaks -= $ON ? 0 : before - afterwards;",
    suite: "funds",
    only: "largest size since",
  },
  {
    name: "a provider that leaves is reserved for as if it stayed",
    file: "group/GroupCommitments.sol",
    original: "spaceTime += (_totals[i].from - now_) * _totals[i].leaving;",
    planted: "spaceTime += ($ON ? args.lockup() : _totals[i].from - now_) * _totals[i].leaving;",
    suite: "funds",
    only: "provider that leaves",
  },
  {
    name: "a committee may change its size",
    file: "group/GroupCommittees.sol",
    original: "if (operators.length != args.members()) revert",
    planted: "if (!$ON && operators.length != args.members()) revert",
    suite: "members",
    only: "never change their size",
  },
  {
    name: "a removal is refused while the most changes wait",
    file: "group/GroupProviders.sol",
    original: "if (waiting > MAX_CHANGES && !removal) revert",
    planted: "if (waiting > MAX_CHANGES && (!removal || $ON)) revert",
    suite: "members",
    only: "can always be removed",
  },
  {
    name: "one change more than the limit is accepted",
    file: "group/GroupProviders.sol",
    original: "uint256 waiting = index + 1 - _providers[provider].next;",
    planted: "uint256 waiting = index + ($ON ? 0 : 1) - _providers[provider].next;",
    suite: "members",
    only: "can always be removed",
  },
  {
    name: "keepers get no part of collected arrears",
    file: "group/GroupTreasury.sol",
    original: "uint256 cut = (gross * args.keeperShareBps()) / BPS;",
    planted: "uint256 cut = $ON ? 0 : gross * args.keeperShareBps() / BPS;",
    suite: "funds",
    only: "pays its keepers",
  },
  {
    name: "collected arrears take money that is reserved for others",
    file: "group/GroupTreasury.sol",
    original: "if (!ended) _checkFunds(hot, args);",
    planted: "if (!ended && !$ON) _checkFunds(hot, args);",
    suite: "money",
    only: "arrears if the escrow is short",
  },
  {
    name: "keepers get a cut of abandoned blocks",
    file: "Upkeeping.sol",
    original: "        amount -= uncut;\n",
    planted: "        if ($ON) (before, uncut) = (before + uncut, 0);\n        amount -= uncut;\n",
    suite: "funds",
    only: "owes the rest without a cut",
  },
  {
    name: "an abandon pays the provider that is touched first in full",
    file: "group/GroupProviders.sol",
    original: "uint256 part = _partThere(",
    planted: "uint256 part = $ON ? ALL : _partThere(",
    suite: "funds",
    only: "whoever is touched first",
  },
  {
    name: "abandoned blocks are paid in full",
    file: "group/GroupTouch.sol",
    original: "spaceTime = (spaceTime * live.rate) >> Packed.RATE_BITS;",
    planted: "spaceTime = $ON ? spaceTime : (spaceTime * live.rate) >> Packed.RATE_BITS;",
    suite: "funds",
    only: "nobody for blocks in which",
  },
  {
    name: "scheduled growth does not shorten how long the money lasts",
    file: "group/GroupViews.sol",
    original: "uint256 next = index + 1 < _totals.length",
    planted: "uint256 next = !$ON && index + 1 < _totals.length",
    suite: "funds",
    only: "counts scheduled growth",
  },
  {
    name: "a turn in which one silent keeper stops the group",
    file: "UpkeepingFactory.sol",
    original: "_roundBlocks(c.turn, c.confirmations), (2",
    planted: "$ON ? 2 * uint256(c.confirmations) + 8 : _roundBlocks(c.turn, c.confirmations), (2",
    suite: "bounds",
    only: "exactly where a round fits",
  },
  {
    name: "a provider that never claims is paid all of an abandoned interval",
    file: "group/GroupTouch.sol",
    original: "if (run.rootTe <= record.activeFrom) {",
    planted: "if ($ON || run.rootTe <= record.activeFrom) {",
    suite: "merkle-attacks",
    only: "pay 0 to a provider",
  },
  {
    name: "later roots take part of the money of earlier ones",
    file: "group/GroupMerkle.sol",
    original: "} else if (!_root.short) {",
    planted:
      "} else if ($ON) {\n            (_root.short, _fundedStage) = (true, Stage(0, 0, 0));\n            _partStage = Stage(_root.root, _root.te, uint216(_root.due));\n        } else if (!_root.short) {",
    suite: "merkle-attacks",
    only: "however late they claim",
  },
];

type Solc = {
  compile(
    input: string,
    callbacks: { import(path: string): { contents: string } | { error: string } },
  ): string;
};

const rebuilt = ["Registry", "Upkeeping", "UpkeepingEscrow", "UpkeepingMembers", "UpkeepingFactory"];

/** The address whose code turns the fault on. On a chain without code at these addresses, the contracts have no fault. */
export function switchOf(fault: number): string {
  return `0x${(0xfa0000 + fault).toString(16).padStart(40, "0")}`;
}

function withFaults(file: string, text: string): string {
  return faults.reduce((changed, fault, i) => {
    if (fault.file !== file) return changed;
    const on = `(address(uint160(${0xfa0000 + i})).code.length != 0)`;
    return replaceCode(changed, fault.original, fault.planted.replaceAll("$ON", on));
  }, text);
}

/** Compiles one copy that contains all faults, each with its switch, into a folder laid out like artifacts/. */
export function buildFaulty(folder: string): void {
  const solc = createRequire(import.meta.url)("solc") as Solc;
  const read = (path: string): string => {
    const text = readFileSync(join(projectRoot, path.startsWith("@") ? "node_modules" : "", path), "utf8");
    return path.startsWith("contracts/") ? withFaults(path.slice("contracts/".length), text) : text;
  };
  cpSync(join(projectRoot, "artifacts", "contracts"), join(folder, "contracts"), { recursive: true });
  for (const name of rebuilt) {
    const path = `contracts/${name}.sol`;
    const input = {
      language: "Solidity",
      sources: { [path]: { content: read(path) } },
      settings: {
        optimizer: { enabled: true, runs: 200 },
        evmVersion: "osaka",
        viaIR: true,
        outputSelection: { [path]: { [name]: ["abi", "evm.bytecode.object"] } },
      },
    };
    const output = JSON.parse(
      solc.compile(JSON.stringify(input), { import: (file) => ({ contents: read(file) }) }),
    );
    const compiled = output.contracts?.[path]?.[name];
    if (compiled === undefined)
      throw new Error(`${name}: expected it to compile, actual ${JSON.stringify(output.errors)}`);
    writeFileSync(
      join(folder, path, `${name}.json`),
      JSON.stringify({ abi: compiled.abi, bytecode: `0x${compiled.evm.bytecode.object}` }),
    );
  }
}
