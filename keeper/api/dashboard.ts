/** The keeper's page. */
import { PageFiles } from "../../daemon/http/page-files.ts";

export const dashboard = new PageFiles(new URL("../dashboard/", import.meta.url), [
  "app",
  "chart",
  "committee",
  "groups",
  "money",
  "outcomes",
  "overview",
  "payments",
  "reasons",
  "round",
]);
