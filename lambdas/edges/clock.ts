/** The system's own time. */
import type { Clock } from '../core/ports.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep(ms, until) {
    return new Promise((resolve) => {
      let stopListening = (): void => {};
      const timer = setTimeout(() => {
        stopListening();
        resolve();
      }, ms);
      if (until === undefined) return;
      stopListening = until.onCancel(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  },
};
