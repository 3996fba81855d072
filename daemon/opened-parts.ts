/** The opened parts of a daemon. Like AsyncDisposableStack, which Node has from version 24 on. */
export class OpenedParts {
  readonly #closes: (() => unknown)[] = [];

  /** @param close closes the part that was opened last; it may return a promise */
  defer(close: () => unknown): void {
    this.#closes.push(close);
  }

  /**
   * Closes all parts in the opposite order, each once, also those below one that fails.
   * @throws the first error
   */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (let close = this.#closes.pop(); close !== undefined; close = this.#closes.pop()) {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
