/** Signatures, against values that the AWS SDK's own signer gave for the same requests. */
import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../lambdas/edges/dynamo/signing.ts';

const host = 'dynamodb.eu-west-1.amazonaws.com';
const body = '{"TableName":"some","Key":{"pk":{"S":"déjà"}}}';
const now = Date.UTC(2026, 10, 24, 12, 0, 30);
const long = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
const scope = 'Credential=AKIDEXAMPLE/20261124/eu-west-1/dynamodb/aws4_request';

const authorizationOf = (headers: string[]): string =>
  headers[headers.indexOf('authorization') + 1] ?? '';

describe('signing', () => {
  it('signs as the SDK does with long-lived credentials', () => {
    const headers = createSigner(host, 'eu-west-1').headers('GetItem', body, long, now);
    expect(authorizationOf(headers)).toBe(
      `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host;x-amz-date;x-amz-target, ` +
        'Signature=611a5f6a8210814702a2ebc78a1682fffb6afaed8583999e70915191cf21bbd5',
    );
  });

  it('signs as the SDK does with a session token', () => {
    const short = { ...long, sessionToken: 'token/+=' };
    const headers = createSigner(host, 'eu-west-1').headers('GetItem', body, short, now);
    expect(headers).toEqual(expect.arrayContaining(['x-amz-security-token', 'token/+=']));
    expect(authorizationOf(headers)).toBe(
      `AWS4-HMAC-SHA256 ${scope}, ` +
        'SignedHeaders=host;x-amz-date;x-amz-security-token;x-amz-target, ' +
        'Signature=1e755565a9f5deb5c01be09e00c09ba45514db24b178e4706052877327868d5d',
    );
  });

  it('keeps its signing key for a day, and no longer than its credentials', () => {
    const signer = createSigner(host, 'eu-west-1');
    const at = (credentials: typeof long, when: number) =>
      authorizationOf(signer.headers('GetItem', body, credentials, when));
    const fresh = (credentials: typeof long, when: number) =>
      authorizationOf(createSigner(host, 'eu-west-1').headers('GetItem', body, credentials, when));
    const other = { ...long, secretAccessKey: 'another' };
    const tomorrow = now + 24 * 3_600_000;
    for (const [credentials, when] of [
      [long, now],
      [other, now],
      [long, tomorrow],
      [long, now],
    ] as const) {
      expect(at(credentials, when)).toBe(fresh(credentials, when));
    }
  });
});
