/** CHANGELOG.md in the form of Keep a Changelog: the notes under "Unreleased" become the notes of a version. */

const heading = "## Unreleased\n";

/** The notes under "Unreleased". @throws if the heading or the notes are missing */
export function unreleasedNotes(changelog: string): string {
  const start = changelog.indexOf(heading);
  if (start === -1) throw new Error('CHANGELOG.md: expected a heading "## Unreleased", actual none');
  const rest = changelog.slice(start + heading.length);
  const next = rest.search(/^## /m);
  const notes = (next === -1 ? rest : rest.slice(0, next)).trim();
  if (notes === "") throw new Error('CHANGELOG.md: expected notes under "## Unreleased", actual none');
  return notes;
}

/** @param date as in 2026-01-31 */
export function withRelease(changelog: string, version: string, date: string): string {
  const notes = unreleasedNotes(changelog);
  const start = changelog.indexOf(heading) + heading.length;
  const end = changelog.indexOf(notes, start) + notes.length;
  const rest = changelog.slice(end);
  return `${changelog.slice(0, start)}\n## ${version} - ${date}\n\n${notes}${rest}`;
}
