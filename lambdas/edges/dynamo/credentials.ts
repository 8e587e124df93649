/** Where the store's credentials come from. */
import type { Credentials } from './signing.ts';

/** Resolves to credentials that are good now; called for every request, so it must be quick. */
export type CredentialSource = () => Credentials | Promise<Credentials>;

/**
 * The environment's own, read once: a Lambda environment ends before its credentials do.
 * `undefined` where the environment has none.
 */
export function environmentCredentials(
  environment: Record<string, string | undefined>,
): CredentialSource | undefined {
  const accessKeyId = environment.AWS_ACCESS_KEY_ID;
  const secretAccessKey = environment.AWS_SECRET_ACCESS_KEY;
  const sessionToken = environment.AWS_SESSION_TOKEN;
  if (!accessKeyId || !secretAccessKey) return undefined;
  const credentials: Credentials =
    sessionToken === undefined
      ? { accessKeyId, secretAccessKey }
      : { accessKeyId, secretAccessKey, sessionToken };
  return () => credentials;
}

/** What a store on this machine wants to see; it opens nothing. */
export function localCredentials(): CredentialSource {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  return () => credentials;
}
