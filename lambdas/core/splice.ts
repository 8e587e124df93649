/**
 * Sets or removes top-level fields in the bytes of a JSON object and leaves every other byte alone:
 * what a caller sent and we do not understand reaches the upstream as it was sent.
 */

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
/** Strings up to this length are walked; beyond it, a native search costs less than the steps. */
const walkedBytesMax = 24;

/** Where a member of the top level stands: its key's quote, its value, the end of its value. */
type Member = { name: string; start: number; valueStart: number; end: number };

/**
 * A field to set to this JSON text, or to remove; `seen` once an occurrence has been dealt with.
 */
type Change = { name: string; folded: string; text: string | undefined; seen: boolean };

/** Names that must be readable in one way only, and those of them that have been met. */
type Guard = { names: ReadonlySet<string>; seen: Set<string> };

const noNames: ReadonlySet<string> = new Set();

/** What becomes of a member: kept as it is, dropped, or given another value. */
type Fate = { do: 'keep' } | { do: 'drop' } | { do: 'set'; text: string };

const keep: Fate = { do: 'keep' };
const drop: Fate = { do: 'drop' };

/**
 * `body` must be a JSON object that has been parsed already: it is walked, not checked. A change to
 * `undefined` removes. Where a name occurs twice, the last occurrence is changed and the others are
 * removed, and so are names that differ only in case (Go's decoder reads them as the same): no
 * upstream can find another value than the one we set.
 *
 * A name in `guarded` (lower case) that is not changed keeps its last occurrence, the one that we
 * read ourselves, and loses the others likewise.
 */
export function spliceTopLevel(
  body: Uint8Array,
  changes: Record<string, unknown>,
  guarded: ReadonlySet<string> = noNames,
): Uint8Array {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const members = readMembers(bytes);
  const wanted = Object.keys(changes).map((name) => readChange(name, changes[name]));
  const fates = new Array<Fate>(members.length);
  const guard: Guard = { names: guarded, seen: new Set() };
  let kept = 0;
  for (let at = members.length - 1; at >= 0; at -= 1) {
    const fate = decideFate(members[at]?.name ?? '', wanted, guard);
    fates[at] = fate;
    if (fate !== drop) kept += 1;
  }
  const open = bytes.indexOf(openBrace) + 1;
  const parts: Uint8Array[] = [bytes.subarray(0, open)];
  const added = addedText(wanted, kept > 0);
  if (added !== '') parts.push(Buffer.from(added));
  writeMembers(bytes, members, fates, open, parts);
  return Buffer.concat(parts);
}

function readChange(name: string, value: unknown): Change {
  const text = value === undefined ? undefined : JSON.stringify(value);
  return { name, folded: foldCase(name), text, seen: false };
}

/** Members are decided from the last to the first, so the last of a name is the one that stays. */
function decideFate(name: string, wanted: readonly Change[], guard: Guard): Fate {
  for (const change of wanted) {
    if (name === change.name) {
      if (change.seen || change.text === undefined) return drop;
      change.seen = true;
      return { do: 'set', text: change.text };
    }
  }
  for (const change of wanted) {
    if (name.length === change.name.length && foldCase(name) === change.folded) return drop;
  }
  if (!guard.names.has(name)) return guard.names.has(foldCase(name)) ? drop : keep;
  if (guard.seen.has(name)) return drop;
  guard.seen.add(name);
  return keep;
}

/** Upper case first: it brings `ſ` to `S`, and lower case brings the Kelvin sign to `k`. */
function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function addedText(wanted: readonly Change[], moreFollow: boolean): string {
  let text = '';
  for (const change of wanted) {
    if (change.seen || change.text === undefined) continue;
    text += `${text === '' ? '' : ','}${JSON.stringify(change.name)}:${change.text}`;
  }
  return text !== '' && moreFollow ? `${text},` : text;
}

/**
 * Copies what is kept. A dropped member takes the separator after it along; those at the end, which
 * have none, take the one before.
 */
function writeMembers(
  bytes: Buffer,
  members: readonly Member[],
  fates: readonly Fate[],
  open: number,
  parts: Uint8Array[],
): void {
  const lastKept = fates.findLastIndex((fate) => fate !== drop);
  const lastEnd = members.at(-1)?.end ?? open;
  let copied = open;
  for (let at = 0; at <= lastKept; at += 1) {
    const fate = fates[at] ?? keep;
    const member = members[at];
    if (fate === keep || member === undefined) continue;
    if (fate.do === 'set') {
      parts.push(bytes.subarray(copied, member.valueStart), Buffer.from(fate.text));
      copied = member.end;
    } else {
      parts.push(bytes.subarray(copied, member.start));
      copied = members[at + 1]?.start ?? lastEnd;
    }
  }
  if (lastKept < members.length - 1) {
    const keptEnd = members[lastKept]?.end ?? members[0]?.start ?? open;
    if (keptEnd > copied) parts.push(bytes.subarray(copied, keptEnd));
    copied = lastEnd;
  }
  parts.push(bytes.subarray(copied));
}

/** Walks the top level; jumps over strings, and over everything deeper, without reading it. */
function readMembers(bytes: Buffer): Member[] {
  const members: Member[] = [];
  let at = bytes.indexOf(openBrace) + 1;
  if (at === 0) throw new TypeError('not a JSON object');
  for (;;) {
    while (bytes[at] !== quote && bytes[at] !== closeBrace && at < bytes.length) at += 1;
    if (bytes[at] !== quote) return members;
    const start = at;
    at = skipString(bytes, start);
    const name = readName(bytes, start + 1, at - 1);
    while (bytes[at] === colon || isSpace(bytes[at])) at += 1;
    const valueStart = at;
    at = skipValue(bytes, at);
    members.push({ name, start, valueStart, end: at });
  }
}

function readName(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  return text.includes('\\') ? JSON.parse(`"${text}"`) : text;
}

/** The position after the string whose opening quote stands at `at`. */
function skipString(bytes: Buffer, at: number): number {
  const walkEnd = Math.min(at + walkedBytesMax, bytes.length);
  let here = at + 1;
  while (here < walkEnd) {
    const byte = bytes[here];
    if (byte === quote) return here + 1;
    here += byte === backslash ? 2 : 1;
  }
  // `here` never splits an escape, so backslashes before a quote are counted down to it.
  for (let from = here; ; ) {
    const end = bytes.indexOf(quote, from);
    if (end === -1) throw new TypeError('a string without end');
    let slashes = 0;
    while (end - slashes > here && bytes[end - slashes - 1] === backslash) slashes += 1;
    if (slashes % 2 === 0) return end + 1;
    from = end + 1;
  }
}

/** The position after the value that starts at `at`, without the space that follows it. */
function skipValue(bytes: Buffer, at: number): number {
  const first = bytes[at];
  if (first === quote) return skipString(bytes, at);
  if (first === openBrace || first === openBracket) return skipNested(bytes, at);
  let here = at;
  while (here < bytes.length && !endsScalar(bytes[here])) here += 1;
  return here;
}

/** Brackets need no telling apart: in valid JSON the one that brings the depth to zero matches. */
function skipNested(bytes: Buffer, at: number): number {
  let depth = 0;
  let here = at;
  while (here < bytes.length) {
    const byte = bytes[here];
    if (byte === quote) {
      here = skipString(bytes, here);
      continue;
    }
    here += 1;
    if (byte === openBrace || byte === openBracket) {
      depth += 1;
    } else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1;
      if (depth === 0) return here;
    }
  }
  throw new TypeError('a value without end');
}

function endsScalar(byte: number | undefined): boolean {
  return byte === comma || byte === closeBrace || isSpace(byte);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
