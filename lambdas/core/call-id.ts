/** Call ids: sortable by time, never guessable; they tell the day their record is kept under. */

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const prefix = 'call_';
const timeChars = 10;
const randomChars = 16;
/** Eighty bits: sixteen characters of five bits each. */
export const callIdRandomBytes = 10;

/** Makes an id from epoch milliseconds and random bytes, both given by the edge that has them. */
export function makeCallId(now: number, random: Uint8Array): string {
  if (!Number.isSafeInteger(now) || now < 0) throw new RangeError(`not a time: ${now}`);
  if (random.length < callIdRandomBytes) throw new RangeError('too few random bytes');
  let time = '';
  for (let rest = now, chars = 0; chars < timeChars; chars++) {
    time = alphabet.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  let tail = '';
  let bits = 0;
  let held = 0;
  for (let at = 0; at < callIdRandomBytes; at++) {
    held = (held << 8) | (random[at] ?? 0);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      tail += alphabet.charAt((held >> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return prefix + time + tail;
}

/** Epoch milliseconds at which the id was made; `undefined` for anything not of this shape. */
export function timeOfCallId(callId: string): number | undefined {
  if (callId.length !== prefix.length + timeChars + randomChars) return undefined;
  if (!callId.startsWith(prefix)) return undefined;
  let time = 0;
  for (let at = prefix.length; at < callId.length; at++) {
    const digit = alphabet.indexOf(callId.charAt(at));
    if (digit < 0) return undefined;
    if (at < prefix.length + timeChars) time = time * 32 + digit;
  }
  return time <= latestTime ? time : undefined;
}
/** The last moment that a four-digit year can say. */
const latestTime = Date.UTC(10_000, 0, 1) - 1;

/** The UTC day of the call as `yyyymmdd`; throws a RangeError on what is not a call id. */
export function dayOfCallId(callId: string): string {
  const time = timeOfCallId(callId);
  if (time === undefined) throw new RangeError('not a call id');
  return dayOf(time);
}

/** The UTC day as `yyyymmdd`. */
export function dayOf(now: number): string {
  const day = Math.floor(now / dayMs);
  if (day !== lastDay.number) {
    lastDay.number = day;
    lastDay.text = new Date(now).toISOString().slice(0, 10).replaceAll('-', '');
  }
  return lastDay.text;
}
const dayMs = 86_400_000;
/** Nearly every call asks for today's, and writing a date out is dear. */
const lastDay = { number: Number.NaN, text: '' };
