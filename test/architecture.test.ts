import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === 'node_modules') return [];
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

const source = ['bin', 'lib', 'lambdas'].flatMap(filesUnder).filter((path) => path.endsWith('.ts'));
const tests = ['test', 'bench'].flatMap(filesUnder).filter((path) => path.endsWith('.ts'));

/** Project files that a file imports, types included, relative to the root. */
function importsOf(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8');
  const found = [...text.matchAll(/(?:from|import\()\s*'(\.{1,2}\/[^']+)'/g)];
  return found.map((match) => relative(root, resolve(root, dirname(path), match[1] ?? '')));
}

const within = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);

const stepOf = (path: string): string | undefined =>
  /^lambdas\/gateway\/([a-z]+)\//.exec(path)?.[1];

/** Who may import whom. A folder not named on the right is out of bounds. */
const allowed: [folder: string, mayImport: string[]][] = [
  ['lambdas/core', ['lambdas/core']],
  ['lambdas/formats', ['lambdas/formats', 'lambdas/core']],
  ['lambdas/providers', ['lambdas/providers', 'lambdas/formats', 'lambdas/core']],
  ['lambdas/gateway', ['lambdas/gateway', 'lambdas/providers', 'lambdas/formats', 'lambdas/core']],
  ['lambdas/admin', ['lambdas/admin', 'lambdas/core']],
  ['lambdas/edges', ['lambdas/edges', 'lambdas/core']],
  [
    'lambdas/doors',
    [
      'lambdas/doors',
      'lambdas/gateway',
      'lambdas/admin',
      'lambdas/edges',
      'lambdas/providers',
      'lambdas/formats',
      'lambdas/core',
    ],
  ],
  ['lib', ['lib', 'lambdas/core/settings.ts']],
  ['bin', ['bin', 'lib', 'lambdas']],
];

describe('the direction of imports', () => {
  test.each(allowed)('%s points only where it may', (folder, mayImport) => {
    const files = source.filter((path) => within(path, folder));
    expect(files.length).toBeGreaterThan(0);
    const astray = files.flatMap((path) =>
      importsOf(path)
        .filter((target) => !mayImport.some((ok) => target === ok || within(target, ok)))
        .map((target) => `${path} → ${target}`),
    );
    expect(astray).toEqual([]);
  });

  test('a step imports no other step', () => {
    const astray = source.flatMap((path) => {
      const step = stepOf(path);
      if (step === undefined) return [];
      return importsOf(path)
        .filter((target) => stepOf(target) !== undefined && stepOf(target) !== step)
        .map((target) => `${path} → ${target}`);
    });
    expect(astray).toEqual([]);
  });

  test('only gateway.ts and the entry of a step are handed the ports', () => {
    const astray = source.filter((path) => {
      const step = stepOf(path);
      if (step === undefined || path === `lambdas/gateway/${step}/${step}.ts`) return false;
      return /import type \{[^}]*\bPorts\b[^}]*\} from '[^']*core\/ports\.ts'/.test(
        readFileSync(join(root, path), 'utf8'),
      );
    });
    expect(astray).toEqual([]);
  });

  test('only doors and the command line wire edges', () => {
    const astray = source.flatMap((path) =>
      importsOf(path)
        .filter((target) => within(target, 'lambdas/edges') && !within(path, 'lambdas/edges'))
        .filter(() => !within(path, 'lambdas/doors') && !within(path, 'bin'))
        .map((target) => `${path} → ${target}`),
    );
    expect(astray).toEqual([]);
  });
});

/** Lines from a function's opening to its closing brace, by indentation as the formatter sets it. */
function functionsOf(text: string): { name: string; lines: number }[] {
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    const opening = /^( *)(?:export )?(?:async )?function\*? (\w+)/.exec(line);
    if (opening === null) return [];
    const closing = lines.findIndex((other, at) => at > index && other === `${opening[1]}}`);
    return [{ name: opening[2] ?? '', lines: closing - index + 1 }];
  });
}

describe('numbers a reader can hold', () => {
  const linesOf = (path: string) => readFileSync(join(root, path), 'utf8').split('\n');

  test('a file has at most 400 lines, a test at most 300', () => {
    const long = [
      ...source.filter((path) => linesOf(path).length > 401),
      ...tests.filter((path) => linesOf(path).length > 301),
    ];
    expect(long).toEqual([]);
  });

  test('gateway.ts has at most 150 lines, a door at most 60', () => {
    expect(linesOf('lambdas/gateway/gateway.ts').length).toBeLessThanOrEqual(151);
    const doors = ['lambdas/doors/gateway.lambda.ts', 'lambdas/doors/local.ts'];
    expect(doors.filter((path) => linesOf(path).length > 61)).toEqual([]);
  });

  test('a function has at most 70 lines', () => {
    const long = source.flatMap((path) =>
      functionsOf(readFileSync(join(root, path), 'utf8'))
        .filter(({ lines }) => lines > 70)
        .map(({ name, lines }) => `${path}: ${name} has ${lines}`),
    );
    expect(long).toEqual([]);
  });

  test('a line has at most 100 columns', () => {
    const wide = source.flatMap((path) =>
      linesOf(path).flatMap((line, index) => (line.length > 100 ? [`${path}:${index + 1}`] : [])),
    );
    expect(wide).toEqual([]);
  });

  test('every file opens with a sentence that says what it is for', () => {
    const silent = source.filter((path) => {
      const text = readFileSync(join(root, path), 'utf8').replace(/^#!.*\n/, '');
      return !text.startsWith('/**') && !path.endsWith('.d.ts');
    });
    expect(silent).toEqual([]);
  });

  test('JSON is parsed only at the border', () => {
    const borders = [
      ...['lambdas/formats', 'lambdas/edges', 'lambdas/doors', 'bin', 'lib'],
      // A simulated provider is the far side of a border of its own.
      'lambdas/providers/simulated',
    ];
    const astray = source.filter(
      (path) =>
        !borders.some((folder) => within(path, folder)) &&
        // An escaped key name is a JSON string, and reading it is what the splice is about.
        path !== 'lambdas/core/splice.ts' &&
        readFileSync(join(root, path), 'utf8').includes('JSON.parse('),
    );
    expect(astray).toEqual([]);
  });
});

describe('documents', () => {
  const documents = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'AGENTS.md',
  ].concat(filesUnder('docs').filter((path) => path.endsWith('.md')));

  test.each(documents)('every path that %s names exists', (path) => {
    const text = readFileSync(join(root, path), 'utf8');
    const named = [...text.matchAll(/`((?:bin|lib|lambdas|test|docs|bench|examples)\/[\w./-]*)`/g)];
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) =>
      join(dirname(path), match[1] ?? ''),
    );
    const missing = [...named.map((match) => match[1] ?? ''), ...links].filter((target) => {
      try {
        statSync(join(root, target));
        return false;
      } catch {
        return true;
      }
    });
    expect(missing).toEqual([]);
  });

  test('ARCHITECTURE.md can be held in the head', () => {
    const lines = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').split('\n').length;
    expect(lines).toBeLessThanOrEqual(201);
  });
});
