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

type Reaction = (because: string) => void;

/** Makes a cancellation that has not happened yet. Cancelling twice changes nothing. */
export function createCancellation(): CancellationSource {
  return new Switch();
}

/** A class, since every call makes several: methods are shared, and listeners rarely any. */
class Switch implements CancellationSource {
  because: string | undefined = undefined;
  #listeners: Reaction[] = [];

  get cancelled(): boolean {
    return this.because !== undefined;
  }

  onCancel(react: Reaction): () => void {
    if (this.because !== undefined) {
      react(this.because);
      return () => {};
    }
    this.#listeners.push(react);
    return () => {
      this.#listeners = this.#listeners.filter((one) => one !== react);
    };
  }

  cancel(because: string): void {
    if (this.because !== undefined) return;
    this.because = because;
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const react of listeners) react(because);
  }
}
