/**
 * deploy/: read with a parser of each format and held against what the code does. The unit is also given to
 * `systemd-analyze verify` where that is installed; the container files are never built here.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, matchesGlob } from "node:path";
import { promisify } from "node:util";
import { DockerfileParser } from "dockerfile-ast";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { settings as keeperSettings } from "../../keeper/config.ts";
import { settings as providerSettings } from "../../provider/config.ts";
import { exitCodes } from "../../cli/console/exit.ts";
import { projectRoot } from "../../scripts/paths.ts";
import { commandFile, commandPackage, packageNames, tarballName } from "../../scripts/release/packages.ts";
import { buildProgram } from "../../cli/program.ts";
import { cloneCommands } from "../../scripts/whitepay.ts";
import { temporaryFolder } from "../support/files.ts";

/** Where the unit and the image have the package's command. */
const installedCommand = `/opt/whitepay/${commandFile}`;

const read = (file: string): string => readFileSync(join(projectRoot, file), "utf8");

/** The directives that the unit may use, by section, with the manual page that has them. */
const directives: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  Unit: {
    "systemd.unit(5)": [
      "Description",
      "Documentation",
      "Wants",
      "After",
      "StartLimitIntervalSec",
      "StartLimitBurst",
    ],
  },
  Service: {
    "systemd.service(5)": [
      "Type",
      "ExecStart",
      "TimeoutStopSec",
      "Restart",
      "RestartSec",
      "RestartPreventExitStatus",
    ],
    "systemd.kill(5)": ["KillSignal"],
    "systemd.exec(5)": [
      "User",
      "Group",
      "StateDirectory",
      "StateDirectoryMode",
      "UMask",
      "WorkingDirectory",
      "Environment",
      "LimitNOFILE",
      "NoNewPrivileges",
      "CapabilityBoundingSet",
      "ProtectSystem",
      "ProtectHome",
      "PrivateTmp",
      "PrivateDevices",
      "ProtectClock",
      "ProtectHostname",
      "ProtectKernelTunables",
      "ProtectKernelModules",
      "ProtectKernelLogs",
      "ProtectControlGroups",
      "RestrictAddressFamilies",
      "RestrictNamespaces",
      "RestrictRealtime",
      "RestrictSUIDSGID",
      "LockPersonality",
      "SystemCallArchitectures",
    ],
  },
  Install: { "systemd.unit(5)": ["WantedBy"] },
};

type Unit = Map<string, Map<string, string>>;

/** systemd.syntax(7): sections in brackets, `Key=value`, comments at the start of a line. */
function parseUnit(text: string): Unit {
  const unit: Unit = new Map();
  let section: Map<string, string> | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const header = /^\[(\w+)\]$/.exec(line);
    const pair = /^([A-Za-z]+)=(.*)$/.exec(line);
    if (header !== null) {
      section = new Map();
      unit.set(header[1] as string, section);
    } else if (pair !== null && section !== undefined && !section.has(pair[1] as string)) {
      section.set(pair[1] as string, pair[2] as string);
    } else {
      throw new Error(`line ${index + 1}: expected a section or one Key=value, actual ${line}`);
    }
  }
  return unit;
}

/** Fails if the words are no command of the program, or carry an option that it does not have. */
async function expectCommand(words: readonly string[]): Promise<void> {
  let command = await buildProgram(cloneCommands, (name) => name === words[0]);
  let at = 0;
  for (; at < words.length && !words[at]?.startsWith("-"); at++) {
    const next = command.commands.find((child) => child.name() === words[at]);
    expect(next, `${words.slice(0, at + 1).join(" ")} is a command`).toBeDefined();
    command = next ?? command;
  }
  const known = command.options.map(({ long }) => long);
  for (const word of words.slice(at).filter((each) => each.startsWith("-"))) expect(known).toContain(word);
}

const units = [
  ["keeper", [exitCodes.usage, exitCodes.unsafe]],
  // A provider signs no certificates.
  ["provider", [exitCodes.usage]],
] as const;

describe.each(units)("deploy/whitepay-%s.service", (role, finalCodes) => {
  const text = read(`deploy/whitepay-${role}.service`);
  const unit = parseUnit(text);
  const service = unit.get("Service") ?? new Map<string, string>();

  it("has the sections of a service, and in each only directives that its manual pages know", () => {
    expect([...unit.keys()]).toEqual(["Unit", "Service", "Install"]);
    for (const [section, entries] of unit) {
      const known = Object.values(directives[section] ?? {}).flat();
      expect([...entries.keys()].filter((key) => !known.includes(key))).toEqual([]);
    }
  });

  it("is accepted by systemd's own verifier, where there is one", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, `whitepay-${role}.service`);
    // The verifier asks for an executable: in a clone that is the launcher.
    const inClone = text.replaceAll(installedCommand, join(projectRoot, "whitepay"));
    await writeFile(file, inClone.replaceAll("/opt/whitepay", projectRoot));
    const verify = promisify(execFile)("systemd-analyze", ["verify", "--man=no", file], { timeout: 30_000 });
    const { stdout, stderr } = await verify.catch((error: NodeJS.ErrnoException & { stderr?: string }) => {
      const missing = error.code === "ENOENT";
      return { stdout: "", stderr: missing ? "" : `${error.message} ${error.stderr ?? ""}` };
    });
    // It names what it does not know, and still exits 0.
    expect(`${stdout}${stderr}`).toBe("");
  });

  it("starts an existing command, and does not restart after exit codes that a restart cannot help", async () => {
    const [program, ...words] = (service.get("ExecStart") ?? "").split(" ");
    expect(program).toBe(installedCommand);
    await expectCommand(words);
    expect(service.get("Restart")).toBe("on-failure");
    expect(service.get("RestartPreventExitStatus")).toBe(finalCodes.join(" "));
    expect(words.at(-1)).toBe(`${service.get("WorkingDirectory")}/${role}.yaml`);
    expect(service.get("WorkingDirectory")).toBe(`/var/lib/${service.get("StateDirectory")}`);
    expect([service.get("UMask"), service.get("StateDirectoryMode")]).toEqual(["0077", "0700"]);
  });
});

type Compose = {
  services: Record<
    string,
    {
      build: { context: string; dockerfile: string };
      command?: string[];
      environment: Record<string, string>;
      ports: string[];
      volumes: string[];
    }
  >;
};

const composed = [
  ["keeper", "deploy/compose.yaml", keeperSettings],
  ["provider", "deploy/compose-provider.yaml", providerSettings],
] as const;

describe("deploy/Dockerfile and the compose files", () => {
  const dockerfile = DockerfileParser.parse(read("deploy/Dockerfile"));
  const instructions = dockerfile.getInstructions();
  const argumentsOf = (keyword: string): string[][] =>
    instructions
      .filter((each) => each.getKeyword() === keyword)
      .map((each) => each.getArguments().map((argument) => argument.getValue()));
  const stageOf = (copy: ReturnType<typeof dockerfile.getCOPYs>[number]): string | undefined =>
    copy.getFromFlag()?.getValue() ?? undefined;

  it("use instructions that Docker knows, on the Node that the project is locked to", () => {
    const known = new Set([
      "FROM",
      "WORKDIR",
      "COPY",
      "RUN",
      "USER",
      "ENV",
      "VOLUME",
      "EXPOSE",
      "STOPSIGNAL",
      "HEALTHCHECK",
      "ENTRYPOINT",
      "CMD",
    ]);
    expect(instructions.filter((each) => !known.has(each.getKeyword()))).toEqual([]);
    const manifest: { dependencies: Record<string, string> } = JSON.parse(read("package.json"));
    const major = manifest.dependencies["node"]?.split(".")[0];
    for (const from of dockerfile.getFROMs()) expect(from.getImage()).toBe(`node:${major}-bookworm-slim`);
    const stages = dockerfile.getFROMs().map((from) => from.getBuildStage());
    const from = dockerfile.getCOPYs().flatMap((copy) => stageOf(copy) ?? []);
    expect(from.length).toBeGreaterThan(0);
    expect(from.filter((stage) => !stages.includes(stage))).toEqual([]);
  });

  it("copy the tarball of the command line alone, and install what its lock file names", () => {
    const copied = dockerfile
      .getCOPYs()
      .filter((copy) => stageOf(copy) === undefined)
      .map((copy) => copy.getArguments().map((argument) => argument.getValue()));
    expect(copied).toEqual([[expect.any(String), "/tmp/"]]);
    const pattern = copied[0]?.[0] ?? "";
    const matched = packageNames
      .map((name) => tarballName(name, "1.2.3"))
      .filter((file) => matchesGlob(`build/${file}`, pattern));
    expect(matched).toEqual([tarballName(commandPackage.name, "1.2.3")]);
    const [unpack = ""] = argumentsOf("RUN").map((words) => words.join(" "));
    expect(unpack).toMatch(/tar .*--file \/tmp\/whitepay-\*\.tgz --strip-components=1.*npm ci --omit=dev/);
    const ignored = read("deploy/Dockerfile.dockerignore").split("\n");
    expect(ignored.filter((line) => line.startsWith("!"))).toEqual(["!build/whitepay-*.tgz"]);
  });

  it.each(composed)("run the %s's command as a user without rights: %s", async (role, file, settings) => {
    const inJson = (keyword: string): string[][] =>
      instructions
        .filter((each) => each.getKeyword() === keyword)
        .map((each) => JSON.parse(each.getArgumentsContent() ?? "") as string[]);
    expect(inJson("ENTRYPOINT")).toEqual([[installedCommand]]);
    expect(inJson("CMD")).toHaveLength(1);
    expect(argumentsOf("USER")).toEqual([["node"]]);
    const { services } = parse(read(file)) as Compose;
    expect(Object.keys(services)).toEqual([role]);
    const service = services[role];
    await expectCommand(service?.command ?? inJson("CMD")[0] ?? []);
    expect(service?.build).toEqual({ context: "..", dockerfile: "deploy/Dockerfile" });
    const known = ["WHITEPAY_CONFIG", ...settings.map(({ env }) => env)];
    const variables = [
      ...Object.keys(service?.environment ?? {}),
      ...dockerfile.getENVs().flatMap((env) => env.getProperties().map((property) => property.getName())),
    ].filter((name) => name.startsWith("WHITEPAY_"));
    expect(variables).toContain("WHITEPAY_CONFIG");
    expect(variables.filter((name) => !known.includes(name))).toEqual([]);
    const volume = argumentsOf("VOLUME").flat()[0];
    expect(service?.volumes.every((mount) => mount.endsWith(`:${volume}`))).toBe(true);
    const exposed = argumentsOf("EXPOSE").flat();
    expect(service?.ports.map((port) => port.split(":").at(-1))).toEqual(exposed);
    expect(service?.ports.filter((port) => port.includes("9464"))).toEqual(["127.0.0.1:9464:9464"]);
  });
});
