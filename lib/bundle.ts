/** Turns a Lambda door into what is shipped: one minified file, nothing left to resolve. */
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

export type Bundle = {
  /** Holds the file and nothing else: the asset. */
  directory: string;
  file: string;
  bytes: number;
};

/** Cold start pays for every byte: more than this fails the build's own test. */
export const bundleBytesMax = 600 * 1000;

/**
 * Left out: the gateway's own clients speak to AWS, and ask the SDK only for credentials that are
 * not in the environment. Lambda always puts them there, and carries an SDK of its own besides.
 */
const leftOut = ['@aws-sdk/*'];

/** Builds `entry` into `directory`; the source map goes beside the directory, not into it. */
export function bundleLambda(entry: string, directory: string): Bundle {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'index.cjs');
  const result = buildSync({
    entryPoints: [entry],
    outfile: file,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    // Importing `node:http` as an ES module reads all of its exports, and one of them loads Node's
    // own undici: a third of the whole start, for nothing. `require` reads what is asked for.
    format: 'cjs',
    mainFields: ['module', 'main'],
    external: leftOut,
    sourcemap: 'external',
    legalComments: 'none',
    logLevel: 'warning',
  });
  if (result.errors.length > 0) throw new Error(`${entry} could not be bundled`);
  renameSync(`${file}.map`, `${directory}.map`);
  return { directory, file, bytes: statSync(file).size };
}
