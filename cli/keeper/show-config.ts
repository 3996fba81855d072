/** `whitepay config show`: prints the effective configuration of a keeper and the origin of each value. */
import type { Command } from "commander";
import { stringify } from "yaml";
import { asKeeperFailure, configOptions, loadConfig } from "./context.ts";
import type { ConfigOptions } from "./context.ts";
import { printJson, printLine } from "../console/output.ts";
import { jsonOption } from "../console/options.ts";

export async function register(program: Command): Promise<void> {
  const config = program.command("config").description("show a keeper's configuration");
  const show = config
    .command("show")
    .description(
      "print the effective values (flags override environment, file and defaults); secrets are hidden",
    )
    .option("--origin", "print the origin of each value");
  (await configOptions(jsonOption(show))).action((options: ConfigOptions) =>
    asKeeperFailure(() => showConfig(options)),
  );
}

const hidden = "…";

/** Shows scheme and host of a URL only: user, path and query may hold API keys. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "string" || !/^[a-z][a-z0-9+.-]*:\/\//i.test(value) || !URL.canParse(value))
    return value;
  const url = new URL(value);
  const bare = url.username === "" && url.password === "" && url.pathname.length <= 1 && url.search === "";
  return bare ? value : `${url.protocol}//${url.host}/${hidden}`;
}

type Leaf = { key: string; value: unknown; origin: string };

function leavesOf(value: unknown, origins: ReadonlyMap<string, string>, path: string[] = []): Leaf[] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, origins, [...path, key]));
  }
  const key = path.join(".");
  return [{ key, value: withoutSecrets(value), origin: origins.get(key) ?? "default" }];
}

function shown(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return withoutSecrets(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner)]));
}

async function showConfig(options: ConfigOptions): Promise<void> {
  const { config, origins } = await loadConfig(options);
  const leaves = leavesOf(config, origins);
  if (options["origin"] === true) {
    if (options["json"] === true) return printJson({ values: leaves });
    const width = Math.max(...leaves.map(({ key }) => key.length));
    for (const { key, value, origin } of leaves) {
      printLine(`${key.padEnd(width)}  ${JSON.stringify(value)}  (${origin})`);
    }
    return;
  }
  if (options["json"] === true) return printJson(shown(config));
  process.stdout.write(stringify(shown(config)));
}
