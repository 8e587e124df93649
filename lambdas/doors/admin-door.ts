/** The control plane as any door can serve it: a plain call in, JSON out. */
import { type AdminCall, createAdmin } from '../admin/admin.ts';
import type { AdminPorts } from '../admin/ports.ts';
import type { AdminAnswer } from '../admin/resource.ts';
import type { HttpCall, HttpReply } from '../core/http.ts';
import { problem } from '../core/problem.ts';

const bodyBytesMax = 1024 * 1024;

export function createAdminDoor(ports: AdminPorts): (call: HttpCall) => Promise<HttpReply> {
  const admin = createAdmin(ports);
  return async (call) => {
    const body = readBody(call.body);
    return written(body.readable ? await admin(adminCall(call, body.value)) : unreadable());
  };
}

function adminCall(call: HttpCall, body: unknown): AdminCall {
  const { method, path, query, headers } = call;
  const secret = /^bearer +(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1];
  return { method, path, query, secret, body };
}

type Body = { readable: true; value: unknown } | { readable: false };

function readBody(bytes: Uint8Array): Body {
  if (bytes.byteLength === 0) return { readable: true, value: undefined };
  if (bytes.byteLength > bodyBytesMax) return { readable: false };
  try {
    return { readable: true, value: JSON.parse(new TextDecoder().decode(bytes)) };
  } catch {
    return { readable: false };
  }
}

function unreadable(): AdminAnswer {
  const { code, message, status } = problem(
    'invalid_request',
    'The body is not JSON, or too long.',
  );
  return { status, body: { error: { code, message } } };
}

function written(answer: AdminAnswer): HttpReply {
  return {
    status: answer.status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: Buffer.from(JSON.stringify(answer.body)),
    finished: Promise.resolve(),
  };
}
