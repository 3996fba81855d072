/** The page's security policy forbids to make code from text, which zod tries for speed. Imported before every schema. */
import { config } from "zod";

config({ jitless: true });
