/** The secret that signs API keys: made once, kept in Secrets Manager or in a private file. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CredentialError, type FetchSecret } from './credentials.ts';

const madeBytes = 32;
const nameBytes = 8;
const secretCharsMin = 32;
/** Only its owner may read the file. */
const privateMode = 0o600;

/** Reads the signing secret from the secret of this name or ARN. */
export async function fetchSigningSecret(
  fetchSecret: FetchSecret,
  secretId: string,
): Promise<Uint8Array> {
  const text = await fetchSecret(secretId);
  if (text === undefined) throw new CredentialError(`the signing secret ${secretId} is missing`);
  return signingKeyOf(text);
}

/** Reads the signing secret from a file, and makes it on the first start. */
export async function loadSigningSecretFile(path: string): Promise<Uint8Array> {
  const known = await readIfThere(path);
  if (known !== undefined) return signingKeyOf(known);
  await mkdir(dirname(path), { recursive: true });
  const made = randomBytes(madeBytes).toString('base64url');
  const written = `${path}.${randomBytes(nameBytes).toString('hex')}`;
  await writeFile(written, `${made}\n`, { flag: 'wx', mode: privateMode });
  try {
    // A link appears with its whole content, and only where there is none yet.
    await link(written, path);
    return signingKeyOf(made);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    // Another process was quicker: its secret is the one that counts.
    return signingKeyOf(await readFile(path, 'utf8'));
  } finally {
    await unlink(written);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The text's own bytes are the key, so that any generator of secrets will do. */
function signingKeyOf(text: string): Uint8Array {
  const trimmed = text.trim();
  if (trimmed.length < secretCharsMin) {
    throw new CredentialError(`the signing secret has fewer than ${secretCharsMin} characters`);
  }
  return Buffer.from(trimmed);
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
