/** Lambda's Runtime API, as far as its own loop speaks it, with every moment kept in order. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a function answered one invocation with. */
export type Answer = {
  mode: string | undefined;
  contentType: string | undefined;
  prelude: { statusCode?: number; headers?: Record<string, string> };
  /** The body after the prelude, in the pieces and at the times that it came. */
  chunks: { text: string; bytes: number; atMs: number }[];
  trailers: Record<string, string | undefined>;
};

export type RuntimeApi = {
  /** `host:port`, as `AWS_LAMBDA_RUNTIME_API` wants it. */
  address: string;
  /** In the order in which they happened. */
  moments: string[];
  invoke(event: unknown, remainingMs?: number): Promise<Answer>;
  /** What the function said of its own start, when it failed. */
  initError: Promise<string>;
  close(): Promise<void>;
};

type Invocation = {
  id: string;
  event: unknown;
  deadlineMs: number;
  answered: (answer: Answer) => void;
  failed: (fault: Error) => void;
};

const preludeEnd = Buffer.alloc(8);
const defaultRemainingMs = 30_000;

export async function startRuntimeApi(): Promise<RuntimeApi> {
  const moments: string[] = [];
  const queue: Invocation[] = [];
  const running = new Map<string, Invocation>();
  let poll: ServerResponse | undefined;
  let invocations = 0;
  let reportInit: (fault: string) => void = () => {};
  const initError = new Promise<string>((resolve) => {
    reportInit = resolve;
  });

  const give = (): void => {
    const invocation = poll && queue.shift();
    if (!poll || !invocation) return;
    running.set(invocation.id, invocation);
    moments.push(`given ${invocation.id}`);
    poll.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': invocation.id,
      'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:eu-west-1:0:function:gateway',
      'lambda-runtime-deadline-ms': String(invocation.deadlineMs),
    });
    poll.end(JSON.stringify(invocation.event));
    poll = undefined;
  };

  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, version, , kind, id = '', what] = (request.url ?? '').split('/');
    if (version === 'marks') {
      moments.push(request.url?.split('/')[2] ?? '');
      response.end();
    } else if (kind === 'init') {
      reportInit(await textOf(request));
      response.writeHead(202).end();
    } else if (id === 'next') {
      moments.push('next');
      poll = response;
      give();
    } else {
      const invocation = running.get(id);
      if (!invocation || what === undefined) throw new Error(`unexpected ${request.url}`);
      if (what === 'error') return invocation.failed(new Error(await textOf(request)));
      moments.push(`began ${id}`);
      request.on('error', invocation.failed);
      invocation.answered(await readAnswer(request, () => moments.push(`chunk ${id}`)));
      moments.push(`ended ${id}`);
      response.writeHead(202).end();
    }
  };

  const server = createServer((request, response) => {
    receive(request, response).catch((fault) => response.destroy(fault));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    moments,
    initError,
    invoke(event, remainingMs = defaultRemainingMs) {
      return new Promise((answered, failed) => {
        const deadlineMs = Date.now() + remainingMs;
        queue.push({ id: `call-${++invocations}`, event, deadlineMs, answered, failed });
        give();
      });
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function readAnswer(request: IncomingMessage, onChunk: () => void): Promise<Answer> {
  const beganAt = performance.now();
  const chunks: Answer['chunks'] = [];
  let head: Buffer | undefined = Buffer.alloc(0);
  let preludeText = '';
  const keep = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    onChunk();
    const atMs = performance.now() - beganAt;
    chunks.push({ text: bytes.toString(), bytes: bytes.length, atMs });
  };
  for await (const bytes of request as AsyncIterable<Buffer>) {
    if (head === undefined) {
      keep(bytes);
      continue;
    }
    head = Buffer.concat([head, bytes]);
    const at = head.indexOf(preludeEnd);
    if (at < 0) continue;
    preludeText = head.subarray(0, at).toString();
    keep(head.subarray(at + preludeEnd.length));
    head = undefined;
  }
  return {
    mode: request.headers['lambda-runtime-function-response-mode']?.toString(),
    contentType: request.headers['content-type'],
    prelude: preludeText === '' ? {} : JSON.parse(preludeText),
    chunks,
    trailers: request.trailers,
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const bytes of request as AsyncIterable<Buffer>) text += bytes.toString();
  return text;
}
