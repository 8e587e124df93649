/** How a reply leaves through a writable stream: at the reader's pace, to its end, and settled. */
import type { Writable } from 'node:stream';
import type { ByteSource, HttpReply } from '../core/http.ts';

/**
 * Resolves once the body has been handed over and the call is settled. Rejects, settled all the
 * same, when the body fails or the reader goes; the sink is then left to whoever owns it.
 */
export async function sendReply(reply: HttpReply, sink: Writable): Promise<void> {
  try {
    // Lambda's headers leave with the first write, even an empty one, and never with `end`.
    if (reply.body instanceof Uint8Array) {
      sink.write(reply.body.length > 0 ? reply.body : '');
    } else {
      sink.write('');
      await sendSource(reply.body, sink);
    }
    sink.end();
  } finally {
    await reply.finished;
  }
}

async function sendSource(source: ByteSource, sink: Writable): Promise<void> {
  try {
    for (;;) {
      const chunk = await source.next();
      if (chunk === undefined) return;
      if (!sink.write(chunk)) await drained(sink);
    }
  } catch (fault) {
    source.cancel();
    throw fault;
  }
}

function drained(sink: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      sink.off('drain', onDrain);
      sink.off('error', onError);
      sink.off('close', onClose);
      act();
    };
    const onDrain = () => settle(resolve);
    const onError = (fault: Error) => settle(() => reject(fault));
    const onClose = () => settle(() => reject(new Error('the reader has gone')));
    sink.on('drain', onDrain);
    sink.on('error', onError);
    sink.on('close', onClose);
    if (sink.destroyed) onClose();
  });
}
