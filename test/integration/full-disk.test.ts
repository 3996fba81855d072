/** Every write of a store on a disk that fills up, and a volume that becomes read-only: refused with the reason, and nothing is lost. */
import { fullDiskTests } from "../support/full-disk.ts";

fullDiskTests([0, 8_000]);
