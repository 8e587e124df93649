/** Bodies that two readers could read differently: the upstream reads what was held for. */
import { afterEach, expect, test } from 'vitest';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import { policyOf, startGateway, type TestGateway } from '../support/gateway.ts';
import { chatScript, messagesScript } from '../support/wire.ts';

let upstream: FakeUpstream;
let gateway: TestGateway;

afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

const paths = { openai: '/v1/chat/completions', anthropic: '/v1/messages' } as const;

/** Sends these bytes to an upstream of the same format; gives the bytes that it got. */
async function passed(format: 'openai' | 'anthropic', body: string): Promise<string> {
  upstream = await startFakeUpstream();
  gateway = await startGateway({ policy: policyOf({ up: { url: upstream.url, format } }) });
  upstream.reply(format === 'openai' ? chatScript({}, false) : messagesScript({}, false));
  const response = await fetch(gateway.url + paths[format], {
    method: 'POST',
    headers: { 'x-api-key': gateway.key },
    body,
  });
  expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
  return upstream.requests[0]?.body.toString() ?? '';
}

const messages = '"messages":[{"role":"user","content":"Hi"}]';

test('a cap and a number of answers said twice, or in another case, are said once', async () => {
  const twice = '"max_tokens":100000,"MAX_TOKENS":99999,"max_tokens":10,"n":128,"N":9,"n":1';
  const body = `{"model":"test-model",${messages},${twice}}`;
  expect(await passed('openai', body)).toBe(
    `{"model":"up-model",${messages},"max_tokens":10,"n":1}`,
  );
});

test("what is only said in another case is not said, in Anthropic's format too", async () => {
  const body = `{"model":"test-model","Tools":[{"type":"web_search_20250305"}],${messages},
    "max_tokens":9000,"Max_Tokens":9001,"max_tokens":20}`;
  expect(await passed('anthropic', body)).toBe(
    `{"model":"up-model",${messages},
    "max_tokens":20}`,
  );
});

test('a body that says each thing once passes as it was written, but for the model', async () => {
  const rest = `${messages} , "max_tokens" : 10,"n":1,"User":"x","odd":[ 1 ] }\n`;
  expect(await passed('openai', `{ "model":"test-model",${rest}`)).toBe(
    `{ "model":"up-model",${rest}`,
  );
});
