/** Knows the signing key, and with it which API keys are of our making. */
import { type KeyKind, verifyApiKey } from '../core/api-key.ts';
import type { Keyring } from '../core/ports.ts';

/** A shorter signing key could be guessed. */
const signingKeyBytesMin = 32;

export function createKeyring(signingKey: Uint8Array, kind: KeyKind = 'caller'): Keyring {
  if (signingKey.byteLength < signingKeyBytesMin) {
    throw new RangeError(`a signing key has at least ${signingKeyBytesMin} bytes`);
  }
  return { verify: (secret) => verifyApiKey(signingKey, secret, kind) };
}
