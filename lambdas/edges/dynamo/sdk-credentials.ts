/** Credentials found the way the AWS SDK finds them: profiles, SSO, containers, instance roles. */
import type { CredentialSource } from './credentials.ts';
import type { Credentials } from './signing.ts';

/** Renewed this long before they end, so that none expires on its way. */
const renewBeforeMs = 60_000;

/** Loads the SDK on first use only: it costs more start-up time than the rest of the gateway. */
export function sdkCredentials(region: string): CredentialSource {
  let held: { credentials: Credentials; until: number } | undefined;
  let loading: Promise<Credentials> | undefined;
  const load = async (): Promise<Credentials> => {
    const { DynamoDBClient } = await import('@aws-sdk/client-dynamodb');
    const found = await new DynamoDBClient({ region }).config.credentials();
    const { accessKeyId, secretAccessKey, sessionToken } = found;
    const credentials: Credentials =
      sessionToken === undefined
        ? { accessKeyId, secretAccessKey }
        : { accessKeyId, secretAccessKey, sessionToken };
    held = { credentials, until: found.expiration?.getTime() ?? Number.POSITIVE_INFINITY };
    return credentials;
  };
  return () => {
    if (held !== undefined && Date.now() < held.until - renewBeforeMs) return held.credentials;
    loading ??= load().finally(() => {
      loading = undefined;
    });
    return loading;
  };
}
