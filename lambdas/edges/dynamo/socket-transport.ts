/** The store over sockets of our own: HTTP/1.1, one request at a time on each, the least work. */
import net from 'node:net';
import tls from 'node:tls';
import { type ReadReply, readReply } from './http-reply.ts';
import {
  storeConnectionsMax,
  storeTimeouts,
  type Transport,
  type TransportReply,
} from './transport.ts';

type Job = {
  text: string;
  resolve(reply: TransportReply): void;
  reject(error: Error): void;
};

/** Shorter than any store keeps a silent connection. */
const idleMsMax = 30_000;

export function createSocketTransport(endpoint: string): Transport {
  const url = new URL(endpoint);
  const idle: Connection[] = [];
  const all = new Set<Connection>();
  const waiting: Job[] = [];
  const open = (): Connection => {
    const connection: Connection = openConnection(url, {
      free() {
        const next = waiting.shift();
        if (next === undefined) idle.push(connection);
        else connection.send(next);
      },
      gone() {
        all.delete(connection);
        const at = idle.indexOf(connection);
        if (at >= 0) idle.splice(at, 1);
        const next = waiting.shift();
        if (next !== undefined) open().send(next);
      },
    });
    all.add(connection);
    return connection;
  };
  /** The one used last; when even that has grown old, none is worth keeping. */
  const takeIdle = (): Connection | undefined => {
    const last = idle.pop();
    if (last === undefined || last.idleMs() < idleMsMax) return last;
    for (const old of [last, ...idle]) old.end(new Error('idle for too long'));
    return undefined;
  };
  return {
    post(headers, body) {
      return new Promise((resolve, reject) => {
        const job = { text: requestText(url.host, headers, body), resolve, reject };
        const connection = takeIdle();
        if (connection !== undefined) connection.send(job);
        else if (all.size < storeConnectionsMax) open().send(job);
        else waiting.push(job);
      });
    },
    async close() {
      const closed = new Error('the store has been closed');
      for (const job of waiting.splice(0)) job.reject(closed);
      for (const connection of [...all]) connection.end(closed);
    },
  };
}

type Connection = {
  /** Only when free: one request at a time. */
  send(job: Job): void;
  end(why: Error): void;
  idleMs(): number;
};
type Events = { free(): void; gone(): void };

function openConnection(url: URL, events: Events): Connection {
  const socket = connect(url);
  let job: Job | undefined;
  let timer: NodeJS.Timeout | undefined;
  let received: Buffer | undefined;
  let freeSince = 0;
  let ended = false;

  const end = (why: Error): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    socket.destroy();
    job?.reject(why);
    job = undefined;
    events.gone();
  };
  const finish = (answered: Job, { reply, keepAlive }: ReadReply): void => {
    clearTimeout(timer);
    job = undefined;
    received = undefined;
    answered.resolve(reply);
    if (keepAlive) {
      freeSince = Date.now();
      socket.unref();
      events.free();
    } else {
      end(new Error('the store closes its connections'));
    }
  };
  socket.on('data', (chunk: Buffer) => {
    if (job === undefined) return end(new Error('the store spoke unasked'));
    received = received === undefined ? chunk : Buffer.concat([received, chunk]);
    try {
      const read = readReply(received);
      if (read !== undefined) finish(job, read);
    } catch (error) {
      end(error instanceof Error ? error : new Error('an answer of no kind'));
    }
  });
  socket.on('error', end);
  socket.on('close', () => end(new Error('the store closed the connection')));
  return {
    send(next) {
      job = next;
      timer = setTimeout(
        () => end(new Error('the store did not answer in time')),
        storeTimeouts.requestMs,
      );
      socket.ref();
      socket.write(next.text);
    },
    end,
    idleMs: () => Date.now() - freeSince,
  };
}

function requestText(host: string, headers: string[], body: string): string {
  let text = `POST / HTTP/1.1\r\nhost: ${host}\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2)
    text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${text}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function connect(url: URL): net.Socket {
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const name = net.isIP(host) === 0 ? { servername: host } : {};
  const socket = secure
    ? tls.connect({ host, port, ALPNProtocols: ['http/1.1'], ...name })
    : net.connect({ host, port });
  socket.setNoDelay(true);
  const timer = setTimeout(
    () => socket.destroy(new Error('the store could not be connected to in time')),
    storeTimeouts.connectMs,
  );
  socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(timer));
  socket.once('close', () => clearTimeout(timer));
  return socket;
}
