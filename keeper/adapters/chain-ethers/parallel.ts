/** Questions to an endpoint side by side, but never many at once. */

/** So many requests are open at once, whatever there is to read: endpoints limit clients, and the protocol's own calls share them. */
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
