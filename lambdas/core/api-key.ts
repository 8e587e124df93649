/**
 * API keys that vouch for themselves: a MAC inside the key is checked in-process, so a forged one
 * costs no read, and the organisation it belongs to is known without one.
 *
 *     version 1 | organisation 8 | key 8 | secret 20 | MAC 8 | CRC-32 4  (base64url after a prefix)
 */
import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { KeyClaim } from './accounts.ts';

/** Callers' keys reach the gateway, admins' keys the control plane; neither opens the other. */
export type KeyKind = 'caller' | 'admin';

const prefixes: Record<KeyKind, string> = { caller: 'flk_', admin: 'fla_' };
const version = 1;
const idBytes = 8;
const organisationAt = 1;
const keyAt = organisationAt + idBytes;
const secretAt = keyAt + idBytes;
const secretBytes = 20;
const macAt = secretAt + secretBytes;
const macBytes = 8;
const crcAt = macAt + macBytes;
const keyBytes = crcAt + 4;
/** Forty-nine bytes in base64url, without padding. */
const bodyChars = Math.ceil((keyBytes * 8) / 6);

export type RandomBytes = (count: number) => Uint8Array;
export type MintedKey = { text: string; claim: KeyClaim };

/** Bytes, or a key object made of them once: that spares preparing them for every check. */
export type SigningKey = Uint8Array | KeyObject;

/** Makes a new key of an organisation. Its text is shown once; only the claim is kept. */
export function mintApiKey(
  signingKey: SigningKey,
  organisationId: string,
  randomBytes: RandomBytes,
  kind: KeyKind = 'caller',
): MintedKey {
  const bytes = Buffer.alloc(keyBytes);
  bytes[0] = version;
  bytes.set(bytesOfId('org', organisationId), organisationAt);
  bytes.set(randomBytes(idBytes).subarray(0, idBytes), keyAt);
  bytes.set(randomBytes(secretBytes).subarray(0, secretBytes), secretAt);
  macOf(signingKey, kind, bytes).copy(bytes, macAt);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, crcAt)), crcAt);
  return { text: prefixes[kind] + bytes.toString('base64url'), claim: claimOf(bytes) };
}

/** What a key says of itself; `undefined` for anything that was not made with this signing key. */
export function verifyApiKey(
  signingKey: SigningKey,
  text: string,
  kind: KeyKind = 'caller',
): KeyClaim | undefined {
  const bytes = readKeyBytes(text, kind);
  if (bytes === undefined) return undefined;
  const mac = bytes.subarray(macAt, crcAt);
  if (!timingSafeEqual(mac, macOf(signingKey, kind, bytes))) return undefined;
  return claimOf(bytes);
}

/** Is this well-formed as one of our keys? For telling a mistyped key from a foreign one. */
export function looksLikeApiKey(text: string, kind: KeyKind = 'caller'): boolean {
  return readKeyBytes(text, kind) !== undefined;
}

function readKeyBytes(text: string, kind: KeyKind): Buffer | undefined {
  const prefix = prefixes[kind];
  if (text.length !== prefix.length + bodyChars || !text.startsWith(prefix)) return undefined;
  const bytes = Buffer.from(text.slice(prefix.length), 'base64url');
  if (bytes.length !== keyBytes || bytes[0] !== version) return undefined;
  // Decoding is lenient; one key has one spelling.
  if (bytes.toString('base64url') !== text.slice(prefix.length)) return undefined;
  return bytes.readUInt32BE(crcAt) === crc32(bytes.subarray(0, crcAt)) ? bytes : undefined;
}

function macOf(signingKey: SigningKey, kind: KeyKind, bytes: Buffer): Buffer {
  const mac = createHmac('sha256', signingKey);
  return mac.update(prefixes[kind]).update(bytes.subarray(0, macAt)).digest().subarray(0, macBytes);
}

function claimOf(bytes: Buffer): KeyClaim {
  const secret = bytes.subarray(secretAt, macAt);
  return {
    keyId: idOfBytes('key', bytes.subarray(keyAt, secretAt)),
    organisationId: idOfBytes('org', bytes.subarray(organisationAt, keyAt)),
    secretHash: hash('sha256', secret, 'base64'),
  };
}

export type IdKind = 'org' | 'key';

/** Crockford's base 32: no letter that is read as a digit, no accidental words. */
const idAlphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const idShape = /^(org|key)_[0-9a-f][0-9a-hjkmnp-tv-z]{12}$/;

/** Eight bytes as people see them: `org_0123456789abc`. */
export function idOfBytes(kind: IdKind, bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  // Thirteen characters say sixty-five bits: one zero goes before the sixty-four.
  let bits = 1;
  for (let at = 0; at < idBytes; at += 1) {
    held = (held << 8) | (bytes[at] ?? 0);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += idAlphabet.charAt((held >> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return `${kind}_${text}`;
}

/** Is this an id of that kind, in its one spelling? */
export function isId(kind: IdKind, id: string): boolean {
  return id.startsWith(`${kind}_`) && idShape.test(id);
}

/** The eight bytes behind an id; throws a RangeError for anything that is not one. */
export function bytesOfId(kind: IdKind, id: string): Uint8Array {
  if (!isId(kind, id)) throw new RangeError(`not an id of kind ${kind}`);
  let value = 0n;
  for (const char of id.slice(kind.length + 1)) {
    value = (value << 5n) | BigInt(idAlphabet.indexOf(char));
  }
  const bytes = new Uint8Array(idBytes);
  for (let at = idBytes - 1; at >= 0; at -= 1) {
    bytes[at] = Number(value & 255n);
    value >>= 8n;
  }
  return bytes;
}

export function newOrganisationId(randomBytes: RandomBytes): string {
  return idOfBytes('org', randomBytes(idBytes));
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  return value;
});

/** Tells a mistyped key from a forged one, and lets scanners know a key when they see one. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 255] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
