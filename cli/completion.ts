/** `whitepay completion SHELL`: shell completions, generated from the command tree. */
import type { Command } from "commander";
import { choiceOption } from "./console/options.ts";
import { printLine } from "./console/output.ts";
import type { CommandEntry } from "./program.ts";

const shells = ["bash", "zsh", "fish"] as const;
type Shell = (typeof shells)[number];

/** A command by its path, for example "keeper keys list", with its subcommands and options. */
type Node = {
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly text: string }[];
  readonly options: readonly { readonly name: string; readonly text: string }[];
};

export function register(program: Command, commands: readonly CommandEntry[]): void {
  program
    .command("completion")
    .description(
      'print completions for a shell: eval "$(whitepay completion bash)", source <(whitepay completion zsh), whitepay completion fish | source',
    )
    .argument("<shell>", shells.join(", "), choiceOption("shell", shells))
    .action(async (shell: Shell) => {
      const { buildProgram } = await import("./program.ts");
      const nodes = walk(await buildProgram(commands, () => true));
      printLine({ bash, zsh, fish }[shell](nodes));
    });
}

const firstSentence = (text: string): string => (text.split(/[;:(]/)[0] ?? "").trim();

function walk(command: Command, path = ""): Node[] {
  const inner = [...command.commands].map((child) => ({
    name: child.name(),
    text: firstSentence(child.description()),
  }));
  const options = [
    ...command.options
      .filter(({ hidden }) => !hidden)
      .map(({ long, short, description }) => ({
        name: long ?? short ?? "",
        text: firstSentence(description),
      })),
    { name: "--help", text: "show help for the command" },
  ];
  const node: Node = { path, commands: inner, options };
  const below = command.commands.flatMap((child) => walk(child, `${path} ${child.name()}`.trim()));
  return [node, ...below];
}

function wordsOf({ commands, options }: Node): string {
  return [...commands, ...options].map(({ name }) => name).join(" ");
}

/** Shared by bash and zsh: the words that may follow a command, and the words that are commands. */
function tables(nodes: readonly Node[]): string {
  const words = nodes.map((node) => `    "${node.path}") echo "${wordsOf(node)}" ;;`).join("\n");
  const known = nodes.flatMap(({ path }) => (path === "" ? [] : [`"${path}"`])).join("|");
  return `_whitepay_words() {
  case "$1" in
${words}
  esac
}
_whitepay_is_command() {
  case "$1" in
    ${known}) return 0 ;;
  esac
  return 1
}
_whitepay_path() {
  local path="" word
  for word in "$@"; do
    if _whitepay_is_command "\${path:+$path }$word"; then path="\${path:+$path }$word"; fi
  done
  echo "$path"
}`;
}

function bash(nodes: readonly Node[]): string {
  return `${tables(nodes)}
_whitepay() {
  local current="\${COMP_WORDS[COMP_CWORD]}"
  local path
  path="$(_whitepay_path "\${COMP_WORDS[@]:1:COMP_CWORD-1}")"
  COMPREPLY=($(compgen -W "$(_whitepay_words "$path")" -- "$current"))
}
complete -o default -F _whitepay whitepay ./whitepay`;
}

function zsh(nodes: readonly Node[]): string {
  return `#compdef whitepay
${tables(nodes)}
_whitepay() {
  local path_now
  path_now="$(_whitepay_path "\${(@)words[2,CURRENT-1]}")"
  compadd -- \${=$(_whitepay_words "$path_now")} || _files
}
compdef _whitepay whitepay`;
}

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function fish(nodes: readonly Node[]): string {
  const known = nodes.flatMap(({ path }) => (path === "" ? [] : [quoted(path)])).join(" ");
  const lines = nodes.flatMap(({ path, commands, options }) => {
    const when = `-n ${quoted(`__whitepay_at "${path}"`)}`;
    return [
      ...commands.map(({ name, text }) => `complete -c whitepay ${when} -f -a ${name} -d ${quoted(text)}`),
      ...options
        .filter(({ name }) => name.startsWith("--"))
        .map(({ name, text }) => `complete -c whitepay ${when} -l ${name.slice(2)} -d ${quoted(text)}`),
    ];
  });
  return `function __whitepay_at
  set -l at ""
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$at $word")
    if contains -- $next ${known}
      set at $next
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join("\n")}`;
}
