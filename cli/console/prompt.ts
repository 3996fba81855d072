/** Questions at a terminal. Without a terminal the command fails and names the option to use instead. */
import { CliError, exitCodes, usageError } from "./exit.ts";

/** Loaded with the first question: most commands ask none, and start faster without it. */
const prompts = () => import("@inquirer/prompts");

/** Questions go to stderr: stdout is for data. */
const context = { output: process.stderr };

export function hasTerminal(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

async function asked<T>(question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    if ((error as Error).name === "ExitPromptError") {
      throw new CliError({ code: exitCodes.interrupted, message: "interrupted" });
    }
    throw error;
  }
}

/** @throws CliError exit 2 if there is no terminal */
function needsTerminal(what: string, instead: string): void {
  if (!hasTerminal())
    throw usageError(`${what} is missing, and there is no terminal for a question`, { hint: instead });
}

export async function askYesNo(message: string, instead: string): Promise<boolean> {
  needsTerminal("a confirmation", instead);
  const { confirm } = await prompts();
  return asked(confirm({ message, default: false }, context));
}

export async function askText(
  message: string,
  options: {
    readonly instead: string;
    readonly initial?: string;
    readonly validate?: (text: string) => true | string;
  },
): Promise<string> {
  needsTerminal(message, options.instead);
  const { initial, validate } = options;
  const { input } = await prompts();
  return asked(
    input(
      {
        message,
        ...(initial === undefined ? {} : { default: initial }),
        ...(validate === undefined ? {} : { validate }),
      },
      context,
    ),
  );
}

/** Asks for a secret without showing it; asks twice for a new one. */
export async function askPassword(message: string, instead: string, isNew = false): Promise<string> {
  needsTerminal("the password", instead);
  const { password } = await prompts();
  const first = await asked(password({ message, mask: true }, context));
  if (!isNew) return first;
  const second = await asked(password({ message: `${message} (again)`, mask: true }, context));
  if (first !== second) throw usageError("the two passwords differ");
  return first;
}
