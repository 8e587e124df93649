/** The store over `node:http(s)`: nothing to load, for environments that must start fast. */
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { storeConnectionsMax, storeTimeouts, type Transport } from './transport.ts';

export function createNodeTransport(endpoint: string): Transport {
  const { protocol, hostname, port } = new URL(endpoint);
  const secure = protocol === 'https:';
  const options = { keepAlive: true, maxSockets: storeConnectionsMax };
  const agent = secure ? new https.Agent(options) : new http.Agent(options);
  const open = secure ? https.request : http.request;
  return {
    post(headers, body) {
      return new Promise((resolve, reject) => {
        const sent = [...headers, 'content-length', String(Buffer.byteLength(body))];
        const host = port === '' ? hostname : `${hostname}:${port}`;
        sent.push('host', host);
        const request = open({ agent, hostname, port, method: 'POST', path: '/', headers: sent });
        const timer = setTimeout(
          () => request.destroy(new Error('the store did not answer in time')),
          storeTimeouts.requestMs,
        );
        const fail = (error: Error): void => {
          clearTimeout(timer);
          reject(error);
        };
        request.on('socket', (socket) => {
          if (socket.connecting) limitConnect(socket, secure);
        });
        request.on('error', fail);
        request.on('response', (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', fail);
          response.on('end', () => {
            clearTimeout(timer);
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({ status: response.statusCode ?? 0, body: text });
          });
        });
        request.end(body);
      });
    },
    async close() {
      agent.destroy();
    },
  };
}

function limitConnect(socket: Socket, secure: boolean): void {
  const timer = setTimeout(
    () => socket.destroy(new Error('the store could not be connected to in time')),
    storeTimeouts.connectMs,
  );
  socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(timer));
  socket.once('close', () => clearTimeout(timer));
}
