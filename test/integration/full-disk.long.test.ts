/** As full-disk.test.ts, with a disk that becomes full at more points of each write. */
import { fullDiskTests } from "../support/full-disk.ts";

fullDiskTests([0, 4, 8, 16, 64, 256, 1_024, 8_000]);
