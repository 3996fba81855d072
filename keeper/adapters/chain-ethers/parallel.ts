/** Parallel requests to an endpoint, with a bound. */

/** Most open requests. Endpoints limit clients, and the protocol's own calls use the same endpoints. */
export const requestsAtOnce = 8;

/** The results of `work` in the order of `items`; stops at the first failure. */
export async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const i = next++;
      try {
        results[i] = await work(items[i] as T);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(requestsAtOnce, items.length) }, worker));
  return results;
}
