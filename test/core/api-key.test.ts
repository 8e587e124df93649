import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesOfId,
  idOfBytes,
  isId,
  looksLikeApiKey,
  mintApiKey,
  newOrganisationId,
  verifyApiKey,
} from '../../lambdas/core/api-key.ts';
import { createKeyring } from '../../lambdas/edges/keyring.ts';

const signingKey = randomBytes(32);
const organisationId = newOrganisationId(randomBytes);
const minted = mintApiKey(signingKey, organisationId, randomBytes);

/** The key with its bytes changed and its checksum made right again, as a forger would. */
function forged(text: string, change: (bytes: Buffer) => void): string {
  const bytes = Buffer.from(text.slice(4), 'base64url');
  change(bytes);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 45)), 45);
  return text.slice(0, 4) + bytes.toString('base64url');
}

describe('API keys', () => {
  it('say whose they are, and verify with the signing key alone', () => {
    const claim = createKeyring(signingKey).verify(minted.text);
    expect(claim).toEqual(minted.claim);
    expect(claim?.organisationId).toBe(organisationId);
    expect(claim?.keyId).toMatch(/^key_[0-9a-z]{13}$/);
    expect(minted.text).toMatch(/^flk_[\w-]{66}$/);
  });

  it('carry the secret whose hash the account keeps', () => {
    const secret = Buffer.from(minted.text.slice(4), 'base64url').subarray(17, 37);
    const hash = createHash('sha256').update(secret).digest('base64');
    expect(minted.claim.secretHash).toBe(hash);
  });

  it('do not verify with one bit changed anywhere, checksum mended or not', () => {
    fc.assert(
      fc.property(fc.nat({ max: 45 * 8 - 1 }), (bit) => {
        const flip = (bytes: Buffer): void => {
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        };
        expect(verifyApiKey(signingKey, forged(minted.text, flip))).toBeUndefined();
        const bytes = Buffer.from(minted.text.slice(4), 'base64url');
        flip(bytes);
        const broken = `flk_${bytes.toString('base64url')}`;
        expect(looksLikeApiKey(broken)).toBe(false);
        expect(verifyApiKey(signingKey, broken)).toBeUndefined();
      }),
    );
  });

  it('do not verify with another signing key, nor as a key of the other kind', () => {
    expect(verifyApiKey(randomBytes(32), minted.text)).toBeUndefined();
    expect(looksLikeApiKey(minted.text)).toBe(true);
    const admin = mintApiKey(signingKey, organisationId, randomBytes, 'admin');
    expect(admin.text).toMatch(/^fla_/);
    expect(verifyApiKey(signingKey, admin.text, 'admin')).toEqual(admin.claim);
    expect(verifyApiKey(signingKey, admin.text)).toBeUndefined();
    expect(verifyApiKey(signingKey, `flk_${admin.text.slice(4)}`)).toBeUndefined();
    expect(verifyApiKey(signingKey, `fla_${minted.text.slice(4)}`, 'admin')).toBeUndefined();
  });

  it('have one spelling', () => {
    const last = minted.text.at(-1) ?? '';
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const others = [...letters].filter((letter) => letter !== last);
    const verified = others.filter(
      (letter) => verifyApiKey(signingKey, minted.text.slice(0, -1) + letter) !== undefined,
    );
    expect(verified).toEqual([]);
    for (const text of [
      `${minted.text}=`,
      ` ${minted.text}`,
      minted.text.replace('flk_', 'FLK_'),
    ]) {
      expect(verifyApiKey(signingKey, text)).toBeUndefined();
    }
  });

  it('never throw, whatever they are made of', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        expect(verifyApiKey(signingKey, text)).toBeUndefined();
        expect(verifyApiKey(signingKey, `flk_${text}`)).toBeUndefined();
      }),
    );
  });

  it('differ from one another even of one organisation', () => {
    const keys = Array.from({ length: 50 }, () =>
      mintApiKey(signingKey, organisationId, randomBytes),
    );
    expect(new Set(keys.map((key) => key.claim.keyId)).size).toBe(50);
    expect(new Set(keys.map((key) => key.claim.secretHash)).size).toBe(50);
  });

  it('want a signing key that cannot be guessed', () => {
    expect(() => createKeyring(Buffer.from('short'))).toThrow(RangeError);
  });
});

describe('ids', () => {
  it('are eight bytes and back again, in their order', () => {
    const eight = fc.uint8Array({ minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(eight, eight, (one, other) => {
        const id = idOfBytes('org', one);
        expect(Buffer.from(bytesOfId('org', id))).toEqual(Buffer.from(one));
        const order = Math.sign(Buffer.compare(one, other));
        const idOther = idOfBytes('org', other);
        expect(id < idOther ? -1 : id > idOther ? 1 : 0).toBe(order);
      }),
    );
  });

  it.each([
    'org_',
    'org_g000000000000',
    'org_00000000000000',
    'org_000000000000u',
    'key_0000000000000',
  ])('are not made of %s', (text) => {
    expect(isId('org', text)).toBe(false);
    expect(() => bytesOfId('org', text)).toThrow(RangeError);
  });

  it('read zero as zeros', () => {
    expect(idOfBytes('key', new Uint8Array(8))).toBe('key_0000000000000');
    expect(idOfBytes('key', new Uint8Array(8).fill(255))).toBe('key_fzzzzzzzzzzzz');
  });
});
