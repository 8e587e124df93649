/**
 * Reads secrets from AWS Secrets Manager: one signed POST. Its SDK client costs more to load
 * (120 ms) than all else a cold start does.
 */
import { CredentialError, type FetchSecret } from './credentials.ts';
import { environmentCredentials } from './dynamo/credentials.ts';
import { createNodeTransport } from './dynamo/node-transport.ts';
import { sdkCredentials } from './dynamo/sdk-credentials.ts';
import { createSigner, type Service } from './dynamo/signing.ts';
import type { TransportReply } from './dynamo/transport.ts';

const service: Service = {
  name: 'secretsmanager',
  targetPrefix: 'secretsmanager',
  contentType: 'application/x-amz-json-1.1',
};
const operation = 'GetSecretValue';
const attemptsMax = 3;
const retryWaitMs = 100;

/** Reads endpoint, region and credentials from the variables that AWS's SDKs read. */
export function createSecretsManagerFetch(
  environment: Record<string, string | undefined> = process.env,
): FetchSecret {
  const region = environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION ?? 'us-east-1';
  const endpoint =
    environment.AWS_ENDPOINT_URL_SECRETS_MANAGER ??
    `https://secretsmanager.${region}.amazonaws.com`;
  const credentials = environmentCredentials(environment) ?? sdkCredentials(region);
  const transport = createNodeTransport(endpoint);
  const signer = createSigner(new URL(endpoint).host, region, service);
  const attempt = async (body: string): Promise<TransportReply> => {
    const headers = signer.headers(operation, body, await credentials(), Date.now());
    return transport.post(headers, body);
  };
  return async (secretId) => {
    const body = JSON.stringify({ SecretId: secretId });
    let fault: CredentialError | undefined;
    for (let tried = 0; tried < attemptsMax; tried += 1) {
      if (tried > 0) await pause(retryWaitMs * tried * (1 + Math.random()));
      try {
        const reply = await attempt(body);
        if (reply.status === 200) return textOf(reply);
        const kind = kindOf(reply);
        if (kind === 'ResourceNotFoundException') return undefined;
        fault = new CredentialError(`secret ${secretId} cannot be read (${kind})`);
        if (reply.status < 500 && kind !== 'ThrottlingException') throw fault;
      } catch (error) {
        if (error instanceof CredentialError) throw error;
        fault = new CredentialError(`secret ${secretId}: no answer`, { cause: error });
      }
    }
    throw fault ?? new CredentialError(`secret ${secretId} cannot be read`);
  };
}

function textOf(reply: TransportReply): string | undefined {
  const { SecretString: text } = JSON.parse(reply.body) as { SecretString?: string };
  return text;
}

function kindOf(reply: TransportReply): string {
  try {
    const { __type: type = '' } = JSON.parse(reply.body) as { __type?: string };
    return type.replace(/^.*#/, '') || `status ${reply.status}`;
  } catch {
    return `status ${reply.status}`;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
