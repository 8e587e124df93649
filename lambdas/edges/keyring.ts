/** Knows the signing key, and with it which API keys are of our making. */
import { createSecretKey } from 'node:crypto';
import type { KeyClaim } from '../core/accounts.ts';
import { type KeyKind, verifyApiKey } from '../core/api-key.ts';
import type { Keyring } from '../core/ports.ts';

/**
 * Keys that have shown themselves to be ours need not do so for every call; whether one is still
 * in force is the account's to say. Forged keys are never kept.
 */
const verifiedMax = 1_000;
/** A shorter signing key could be guessed. */
const signingKeyBytesMin = 32;

export function createKeyring(signingKey: Uint8Array, kind: KeyKind = 'caller'): Keyring {
  if (signingKey.byteLength < signingKeyBytesMin) {
    throw new RangeError(`a signing key has at least ${signingKeyBytesMin} bytes`);
  }
  const key = createSecretKey(signingKey);
  const verified = new Map<string, KeyClaim>();
  return {
    verify(secret) {
      const known = verified.get(secret);
      if (known !== undefined) return known;
      const claim = verifyApiKey(key, secret, kind);
      if (claim === undefined) return undefined;
      if (verified.size >= verifiedMax) verified.clear();
      verified.set(secret, claim);
      return claim;
    },
  };
}
