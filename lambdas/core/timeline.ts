/** When each step of a call began and ended; the steps' names are the segments' names. */

export const stepNames = [
  'receive',
  'read',
  'bound',
  'admit',
  'recall',
  'route',
  'call',
  'reply',
  'settle',
] as const;

export type StepName = (typeof stepNames)[number];

/** Milliseconds by step, and grouped the way people ask: who took the time? */
export type Segments = {
  steps: Partial<Record<StepName, number>>;
  routingMs: number;
  upstreamMs: number;
  cacheMs: number;
  totalMs: number;
  /** From arrival to the first byte for the caller. */
  firstByteMs?: number;
};

export type Timeline = {
  /** Ends the step under way and begins this one. */
  begin(step: StepName): void;
  /** The first byte for the caller is ready. */
  firstByte(): void;
  segments(): Segments;
  /** `Server-Timing` of the steps so far. */
  serverTiming(): string;
};

/** `monotonicMs` must never run backwards. */
export function startTimeline(monotonicMs: () => number): Timeline {
  const startedAt = monotonicMs();
  const steps: Partial<Record<StepName, number>> = {};
  let step: StepName = 'receive';
  let stepAt = startedAt;
  let firstByteMs: number | undefined;
  const close = (): number => {
    const now = monotonicMs();
    steps[step] = round((steps[step] ?? 0) + (now - stepAt));
    stepAt = now;
    return now;
  };
  return {
    begin(next) {
      close();
      step = next;
    },
    firstByte() {
      firstByteMs ??= round(monotonicMs() - startedAt);
    },
    segments() {
      const totalMs = round(close() - startedAt);
      const upstreamMs = round((steps.call ?? 0) + (steps.reply ?? 0));
      const cacheMs = steps.recall ?? 0;
      const routingMs = round(totalMs - upstreamMs - cacheMs);
      return { steps: { ...steps }, routingMs, upstreamMs, cacheMs, totalMs, firstByteMs };
    },
    serverTiming() {
      close();
      return Object.entries(steps)
        .map(([name, ms]) => `${name};dur=${ms}`)
        .join(', ');
    },
  };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
