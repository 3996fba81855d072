/** Compiles the contracts if they are out of date, in a separate process, from any folder, without a network. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CliError, exitCodes } from "../../cli/console/exit.ts";
import { projectRoot } from "../paths.ts";

const compiler = fileURLToPath(new URL("compile-process.ts", import.meta.url));
const tick_ms = 1_000;

async function newestSource_ms(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const sources = names.filter((entry) => entry.isFile() && entry.name.endsWith(".sol"));
  const times = await Promise.all(
    sources.map(async (entry) => (await stat(join(entry.parentPath, entry.name))).mtimeMs),
  );
  return Math.max(0, ...times);
}

/** Whether the last build ended well, and no source, and not the compiler's settings, are newer. */
async function isFresh(root: string): Promise<boolean> {
  const built = join(root, "cache", "compile-cache.json");
  if (!existsSync(built) || !existsSync(join(root, "artifacts", "contracts"))) return false;
  const built_ms = (await stat(built)).mtimeMs;
  const settings_ms = (await stat(join(root, "hardhat.config.ts"))).mtimeMs;
  return built_ms >= Math.max(settings_ms, await newestSource_ms(join(root, "contracts")));
}

/** The seconds run on a terminal; anywhere else one line says that it has begun. */
function progress(stream: NodeJS.WriteStream): (outcome: string) => void {
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 1000);
  const text = "compiling the contracts, once";
  if (!stream.isTTY) {
    stream.write(`${text} (about a minute) ...\n`);
    return (outcome) => void stream.write(`${outcome} after ${seconds()} s\n`);
  }
  const draw = (): void => void stream.write(`\r${text} ... ${seconds()} s`);
  draw();
  const timer = setInterval(draw, tick_ms);
  return (outcome) => {
    clearInterval(timer);
    stream.write(`\r\u001b[2K${outcome} after ${seconds()} s\n`);
  };
}

/**
 * In the folder of the project, wherever this process was started. What the compiler says is shown where it fails: its warnings are
 * for whoever changes a contract, and the tests show them.
 */
function compile(root: string): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", compiler], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    child.once("error", fail);
    child.once("close", (code) => done({ code, output }));
  });
}

/**
 * Compiles what is missing or out of date.
 * @param root of the project: the folder of hardhat.config.ts
 * @throws CliError with what the compiler says
 */
export async function compileContracts(
  root = projectRoot,
  stream: NodeJS.WriteStream = process.stderr,
): Promise<void> {
  // Another build of the contracts is used as it is.
  if (process.env["WHITEPAY_ARTIFACTS"] !== undefined || (await isFresh(root))) return;
  const end = progress(stream);
  const { code, output } = await compile(root);
  end(code === 0 ? "contracts compiled" : "compiling the contracts failed");
  if (code === 0) return;
  throw new CliError({
    code: exitCodes.failed,
    message: "the contracts do not compile",
    hint: `the compiler says:\n${output.trim()}`,
  });
}
