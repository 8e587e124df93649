/** A one-way switch that says a call is no longer wanted; lighter than an AbortSignal. */

export type Cancellation = {
  readonly cancelled: boolean;
  readonly because: string | undefined;
  /**
   * Runs `react` when cancelled, at once if that already happened; returns how to stop listening.
   */
  onCancel(react: (because: string) => void): () => void;
};

export type CancellationSource = Cancellation & { cancel(because: string): void };

/** Makes a cancellation that has not happened yet. Cancelling twice changes nothing. */
export function createCancellation(): CancellationSource {
  let because: string | undefined;
  const listeners = new Set<(because: string) => void>();
  return {
    get cancelled() {
      return because !== undefined;
    },
    get because() {
      return because;
    },
    onCancel(react) {
      if (because !== undefined) {
        react(because);
        return () => {};
      }
      listeners.add(react);
      return () => listeners.delete(react);
    },
    cancel(reason) {
      if (because !== undefined) return;
      because = reason;
      for (const react of listeners) react(reason);
      listeners.clear();
    },
  };
}
