/** Writes a scenario as the text of a file, with only the fields that differ from the defaults. */
import { Document, isCollection } from "yaml";
import { scenarioSchema } from "./schema.ts";
import type { Scenario } from "./schema.ts";

export function writeScenario(scenario: Scenario): string {
  const { name } = scenario;
  const document = new Document({ name, ...beyond(scenario, scenarioSchema.parse({ name })) });
  // One line a fault, one line a group of parameters.
  const faults = document.get("faults");
  const rows = isCollection(faults) ? faults.items : [];
  for (const node of [...rows, document.get("params"), document.get("network"), document.get("expect")]) {
    if (isCollection(node)) node.flow = true;
  }
  for (const name of ["providers", "blockMs"]) {
    const node = document.get(name);
    if (isCollection(node)) node.flow = true;
  }
  return document.toString({ lineWidth: 0 });
}

/** The parts of `value` that are not as in `usual`. */
function beyond(value: object, usual: object): Record<string, unknown> {
  const parts = Object.entries(value).flatMap(([key, part]: [string, unknown]) => {
    const other = (usual as Record<string, unknown>)[key];
    if (part === undefined || JSON.stringify(part) === JSON.stringify(other)) return [];
    const nested = isRecord(part) && isRecord(other);
    return [[key, nested ? beyond(part, other) : part] as const];
  });
  return Object.fromEntries(parts);
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
