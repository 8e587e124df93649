/** Prints figures beside one another, and whether they keep the aims of this project. */

/** What a row should stay under: an amount, a multiple of the relay, or the relay and this more. */
export type Aim = { atMost: number } | { timesAtMost: number } | { addedAtMost: number };

const nameChars = 42;
const figureChars = 10;

export function printHead(subjects: readonly string[]): void {
  const heads = subjects.map((name) => name.padStart(figureChars)).join('');
  console.log(`${''.padEnd(nameChars)}${heads}${'ratio'.padStart(figureChars)}   aim`);
}

/** The first figure is the one under test; it is compared with the last, where there are two. */
export function printRow(name: string, figures: readonly number[], aim?: Aim): void {
  const [first = Number.NaN] = figures;
  const last = figures.length > 1 ? (figures.at(-1) ?? Number.NaN) : Number.NaN;
  const texts = figures.map(figureText);
  while (texts.length < 2) texts.push('');
  texts.push(Number.isNaN(last) ? '' : `${(first / last).toFixed(2)} ×`);
  const columns = texts.map((text) => text.padStart(figureChars)).join('');
  const verdict = aim === undefined ? '' : `   ${verdictOf(first, last, aim)}`;
  console.log(`${name.padEnd(nameChars)}${columns}${verdict}`);
}

function figureText(figure: number): string {
  if (Number.isNaN(figure)) return '–';
  return figure.toFixed(figure < 10 ? 3 : figure < 100 ? 1 : 0);
}

function verdictOf(first: number, last: number, aim: Aim): string {
  const [text, kept] =
    'atMost' in aim
      ? [`≤ ${aim.atMost}`, first <= aim.atMost]
      : 'timesAtMost' in aim
        ? [`≤ ${aim.timesAtMost} × relay`, first <= aim.timesAtMost * last]
        : [`≤ ${aim.addedAtMost} more than relay`, first - last <= aim.addedAtMost];
  return `${text}: ${kept ? 'kept' : 'MISSED'}`;
}
