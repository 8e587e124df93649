/** Structured lines on standard output: one event, one line of JSON. */
import type { Log } from '../core/ports.ts';

export type LogOptions = {
  /** Takes finished lines; standard output where absent. */
  write?: (lines: string) => void;
  /**
   * Gather lines for a moment into one write. Never on Lambda, which may
   * freeze the process before the moment has passed.
   */
  gather?: boolean;
  now?: () => number;
};

export type BufferedLog = Log & {
  /** Writes what has been gathered. */
  flush(): void;
};

const gatheredCharsMax = 64 * 1024;
/** A write a line costs more than the line; this late, nobody reads it any worse. */
const gatheredMs = 20;
const valueCharsMax = 4_096;
/**
 * Callers of `log` keep secrets out; this is the second belt. A name is enough to withhold the
 * value; what looks like a key is withheld wherever it stands.
 */
const secretName = /authorization|api[-_]?key|secret|password|cookie|^x-amz-security/i;
const secretLooking = /\b(?:fl[ka]_|sk-|xai-|AIza|gsk_|AKIA)[\w-]{12,}|\bBearer\s+\S+/g;
/** Whether either of them could stand anywhere in a line. */
const suspicious = new RegExp(
  `${secretName.source.replace('^', '"')}|${secretLooking.source}`,
  'i',
);
const withheld = '[withheld]';

export function createLog(options: LogOptions = {}): BufferedLog {
  const write = options.write ?? ((lines) => process.stdout.write(lines));
  const now = options.now ?? Date.now;
  let gathered = '';
  let turn: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(turn);
    turn = undefined;
    const lines = gathered;
    gathered = '';
    if (lines !== '') write(lines);
  };
  const line = (level: string, event: string, fields: Record<string, unknown>): void => {
    const head = { time: new Date(now()).toISOString(), level, event };
    gathered += `${lineOf({ ...head, ...fields })}\n`;
    if (options.gather !== true || gathered.length > gatheredCharsMax) flush();
    else turn ??= setTimeout(flush, gatheredMs);
  };
  return {
    info: (event, fields) => line('info', event, fields),
    error: (event, fields) => line('error', event, fields),
    flush,
  };
}

/** A replacer makes a line several times dearer, and most show at a glance that they need none. */
function lineOf(record: Record<string, unknown>): string {
  const values = Object.values(record);
  if (!values.some((value) => value instanceof Error || typeof value === 'bigint')) {
    const line = JSON.stringify(record);
    if (line.length < valueCharsMax && !suspicious.test(line)) return line;
  }
  return JSON.stringify(record, safely);
}

function safely(name: string, value: unknown): unknown {
  if (secretName.test(name) && (typeof value === 'string' || typeof value === 'object')) {
    return withheld;
  }
  if (typeof value === 'string') {
    const text = value.length > valueCharsMax ? `${value.slice(0, valueCharsMax)}…` : value;
    return text.replace(secretLooking, withheld);
  }
  if (value instanceof Error) return { name: value.name, message: value.message };
  return typeof value === 'bigint' ? value.toString() : value;
}
