/** Runs a bundled function under AWS's own runtime loop, as Lambda would. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type RuntimeApi, startRuntimeApi } from './lambda-runtime-api.ts';

const folder = join(import.meta.dirname, '..', 'lambda-runtime');
const loop = join(folder, 'node_modules', 'aws-lambda-ric', 'index.mjs');
const installMsMax = 120_000;
const outputCharsMax = 20_000;

/**
 * Installs the loop once; says why where that cannot be done. Its scripts would build a native
 * client for minutes, so they stay off and `native-client.mjs` stands in for what they build.
 */
export function whyNoRuntime(): string | undefined {
  if (existsSync(loop)) return undefined;
  try {
    const flags = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
    execFileSync('npm', flags, { cwd: folder, timeout: installMsMax, stdio: 'pipe' });
    return undefined;
  } catch {
    return 'aws-lambda-ric could not be installed: is the npm registry within reach?';
  }
}

export type LambdaRuntime = RuntimeApi & {
  /** What the function printed. */
  output(): string;
  /** Whether the environment still lives. */
  alive(): boolean;
};

export async function startLambdaRuntime(
  directory: string,
  variables: Record<string, string> = {},
): Promise<LambdaRuntime> {
  const api = await startRuntimeApi();
  let output = '';
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', join(folder, 'native-client.mjs'), loop],
    { env: environment(api, directory, variables), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const keep = (bytes: Buffer): void => {
    output = (output + bytes.toString()).slice(-outputCharsMax);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    ...api,
    output: () => output,
    alive: () => child.exitCode === null && child.signalCode === null,
    async close() {
      child.kill('SIGKILL');
      await ended;
      await api.close();
    },
  };
}

function environment(
  api: RuntimeApi,
  directory: string,
  variables: Record<string, string>,
): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    AWS_LAMBDA_RUNTIME_API: api.address,
    AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1: 'true',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: 'gateway',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
    AWS_LAMBDA_LOG_GROUP_NAME: 'gateway',
    AWS_LAMBDA_LOG_STREAM_NAME: 'gateway',
    AWS_LAMBDA_LOG_FORMAT: 'JSON',
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    LAMBDA_TASK_ROOT: directory,
    _HANDLER: 'index.handler',
    ...variables,
  };
}

/** A function URL's event, payload version 2.0. */
export function urlEvent(method: string, path: string, options: EventOptions = {}): unknown {
  const { query = '', headers = {}, body } = options;
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: { host: 'gateway.lambda-url.eu-west-1.on.aws', ...headers },
    requestContext: { http: { method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1' } },
    ...(typeof body === 'string' ? { body, isBase64Encoded: false } : {}),
    ...(body instanceof Uint8Array
      ? { body: Buffer.from(body).toString('base64'), isBase64Encoded: true }
      : {}),
  };
}

export type EventOptions = {
  query?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
};
