/** Completions in a real bash. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { sharedFolder } from "../../support/files.ts";
import { runCli } from "../../support/cli.ts";

let script: string;
let remove: () => Promise<void>;

beforeAll(async () => {
  const { stdout } = await runCli(["completion", "bash"]);
  const shared = await sharedFolder();
  ({ remove } = shared);
  script = join(shared.folder, "completion.bash");
  await writeFile(script, stdout);
  return remove;
});

/** Completions of bash at the end of a line, from the function that the script registers. */
async function offers(...words: string[]): Promise<string[]> {
  const ask = `
source "$1"; shift
spec=$(complete -p whitepay) || exit 9
[[ "$spec" =~ -F\\ ([^ ]+) ]] || exit 9
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
"\${BASH_REMATCH[1]}" whitepay "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const args = ["--norc", "--noprofile", "-c", ask, "bash", script, "whitepay", ...words];
  const { stdout } = await promisify(execFile)("bash", args);
  return stdout.split("\n").filter((line) => line !== "");
}

describe("whitepay completion bash", () => {
  it("completes commands, subcommands and options", async () => {
    expect(await offers("kee")).toEqual(["keeper", "keepers"]);
    expect(await offers("keeper", "re")).toEqual(["register", "release-group", "resign"]);
    expect(await offers("keeper", "keys", "")).toEqual(
      expect.arrayContaining(["list", "export", "import", "--help"]),
    );
    expect(await offers("keeper", "register", "--pay")).toEqual(["--payee"]);
    expect(await offers("keeper", "register", "--payee", "0xabc", "--dr")).toEqual(["--dry-run"]);
    expect(await offers("keeper", "run", "--regist")).toEqual(["--registry"]);
  });

  it("offers no options of other commands", async () => {
    expect(await offers("presets", "--pay")).toEqual([]);
    expect(await offers("presets", "--js")).toEqual(["--json"]);
  });

  it("lists the supported shells for an unknown one", async () => {
    const { code, stderr } = await runCli(["completion", "csh"]);
    expect(code).toBe(2);
    expect(stderr).toContain("bash | zsh | fish");
  });
});
