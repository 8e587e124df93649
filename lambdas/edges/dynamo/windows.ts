/** Windows of time as attributes: what each is called, when it ends, when nobody needs it more. */
import { dayOf } from '../../core/call-id.ts';

export type Windows = { readonly minute: string; readonly day: string; readonly month: string };

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** Asked several times a call, and the same for all calls of a minute. */
export function windowsOf(now: number): Windows {
  const minute = Math.floor(now / minuteMs);
  if (latest?.minute === minute) return latest.windows;
  const day = dayOf(now);
  const windows = { minute: String(minute), day, month: day.slice(0, 6) };
  latest = { minute, windows };
  return windows;
}
let latest: { minute: number; windows: Windows } | undefined;

/** An attribute for each window; what it holds is what remains. */
export const windowAttribute = {
  requests: (minute: string): string => `r${minute}`,
  tokens: (minute: string): string => `t${minute}`,
  daily: (day: string): string => `d${day}`,
  budget: (month: string): string => `b${month}`,
} as const;

/** Epoch milliseconds at which the minute of a window began. */
export function minuteStart(minute: string): number {
  return Number(minute) * minuteMs;
}

export function minuteEndsInMs(now: number): number {
  return minuteMs - (now % minuteMs);
}

export function dayEndsInMs(now: number): number {
  return dayMs - (now % dayMs);
}

export function monthEndsInMs(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) - now;
}

export function laterMinute(minute: string, by: number): string {
  return String(Number(minute) + by);
}

/**
 * Whether a refund still belongs in the window it came from. A window that is over needs none,
 * and may have been tidied away. Refunds stop one window before tidying begins, so that clocks
 * that differ by less than a window never refund what another has removed.
 */
export function takesRefunds(window: Windows, now: number): Record<keyof Windows, boolean> {
  const current = windowsOf(now);
  // What is still under way needs no look at the calendar, and nearly all of it is.
  return {
    minute: Number(current.minute) - Number(window.minute) <= 1,
    day: window.day >= current.day || window.day >= dayOf(now - dayMs),
    month: window.month >= current.month || window.month >= monthBefore(current.month),
  };
}

/** The names among these that stand for windows long over. */
export function staleWindows(names: Iterable<string>, now: number): string[] {
  const current = windowsOf(now);
  const minuteKept = Number(current.minute) - 2;
  const dayKept = dayOf(now - 2 * dayMs);
  const monthKept = monthBefore(monthBefore(current.month));
  const stale: string[] = [];
  for (const name of names) {
    if (stale.length === staleMax) break;
    const kind = name.charCodeAt(0);
    if (!isDigit(name.charCodeAt(1))) continue;
    const window = name.slice(1);
    if (kind === letterR || kind === letterT) {
      if (Number(window) < minuteKept) stale.push(name);
    } else if (kind === letterD) {
      if (window < dayKept) stale.push(name);
    } else if (kind === letterB && window < monthKept) stale.push(name);
  }
  return stale;
}
/** An expression has a length limit; what is left over is tidied by the next call. */
const staleMax = 40;
const letterB = 98;
const letterD = 100;
const letterR = 114;
const letterT = 116;

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function monthBefore(month: string): string {
  const year = Number(month.slice(0, 4));
  const number = Number(month.slice(4));
  if (number === 1) return `${year - 1}12`;
  return `${year}${String(number - 1).padStart(2, '0')}`;
}
