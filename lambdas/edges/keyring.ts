/** Knows the signing key, and with it which API keys are of our making. */
import { createSecretKey } from 'node:crypto';
import { type KeyKind, verifyApiKey } from '../core/api-key.ts';
import type { Keyring } from '../core/ports.ts';

/** A shorter signing key could be guessed. */
const signingKeyBytesMin = 32;

export function createKeyring(signingKey: Uint8Array, kind: KeyKind = 'caller'): Keyring {
  if (signingKey.byteLength < signingKeyBytesMin) {
    throw new RangeError(`a signing key has at least ${signingKeyBytesMin} bytes`);
  }
  const key = createSecretKey(signingKey);
  return { verify: (secret) => verifyApiKey(key, secret, kind) };
}
