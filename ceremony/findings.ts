/** The sentences of a report, collected while a file is checked. */
export type Findings = {
  readonly checked: string[];
  readonly notChecked: string[];
  readonly problems: string[];
};

export function newFindings(): Findings {
  return { checked: [], notChecked: [], problems: [] };
}

/** "contribution 3 (name)", for sentences. */
export function contributionTitle(index: number, name: string | undefined): string {
  return name === undefined ? `contribution ${index}` : `contribution ${index} (${name})`;
}

/**
 * Adds a problem for each check that does not hold.
 * @param expected what each check expects, by its name
 * @returns whether all hold
 */
export function addProblems(
  { problems }: Findings,
  title: string,
  checks: Readonly<Record<string, boolean>>,
  expected: Readonly<Record<string, string>>,
): boolean {
  const failed = Object.keys(checks).filter((check) => !checks[check]);
  for (const check of failed) problems.push(`${title}: expected ${expected[check] ?? check}, actual another`);
  return failed.length === 0;
}
