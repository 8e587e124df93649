/** Finds the name that was probably meant, for errors that help. */

const distanceMax = 3;
const comparedCharsMax = 80;
const comparedNamesMax = 2_000;

/** The candidate nearest to `name` by edits, where one is near enough to be worth naming. */
export function nearName(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > comparedCharsMax) return undefined;
  const allowed = Math.min(distanceMax, Math.ceil(name.length / 3));
  let best: string | undefined;
  let bestDistance = allowed + 1;
  let compared = 0;
  for (const candidate of candidates) {
    if (++compared > comparedNamesMax) break;
    if (Math.abs(candidate.length - name.length) > allowed) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
