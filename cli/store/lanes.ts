/** Runs steps concurrently: in lanes, each of which runs one step after another. */

/** A shorter step adds a lane, a longer one ends a lane: over a slow connection, few ranges at a time arrive within their time limit. */
const quick_ms = 2_000;
const slow_ms = 8_000;
const firstLanes = 2;

/** All lanes from the start: for computations on this machine. */
export function inAllLanes(lanes: number, step: () => Promise<boolean>): Promise<void> {
  return run(lanes, step, () => lanes);
}

/** Two lanes at first, more if steps are short, fewer if they are long: for transfers over the network. */
export function inPacedLanes(most: number, step: () => Promise<boolean>): Promise<void> {
  return run(Math.min(firstLanes, most), step, (lanes, took_ms) => {
    if (took_ms < quick_ms) return Math.min(most, lanes + 1);
    return took_ms > slow_ms ? Math.max(1, lanes - 1) : lanes;
  });
}

/**
 * Each lane calls `step` again until one gives false. After a failure all lanes end with their present step; then the first failure is
 * thrown.
 */
function run(
  first: number,
  step: () => Promise<boolean>,
  paced: (lanes: number, took_ms: number) => number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failures: unknown[] = [];
    const over = new AbortController();
    let [limit, lanes] = [first, 0];
    const lane = async (): Promise<void> => {
      while (!over.signal.aborted && lanes <= limit) {
        const start_ms = performance.now();
        if (!(await step())) return over.abort();
        limit = paced(limit, performance.now() - start_ms);
        fill();
      }
    };
    const fill = (): void => {
      while (!over.signal.aborted && lanes < limit) {
        lanes++;
        lane()
          .catch((error: unknown) => {
            failures.push(error);
            over.abort();
          })
          .finally(() => {
            lanes--;
            if (lanes > 0) return;
            if (failures.length > 0) reject(failures[0]);
            else resolve();
          });
      }
    };
    fill();
  });
}
