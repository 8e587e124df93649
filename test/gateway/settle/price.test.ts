import { describe, expect, test } from 'vitest';
import { usd, usdText } from '../../../lambdas/core/money.ts';
import type { Price } from '../../../lambdas/core/policy.ts';
import { chargeFor } from '../../../lambdas/gateway/settle/charge.ts';
import { priceUsage } from '../../../lambdas/gateway/settle/price.ts';

const price: Price = {
  version: 'p1',
  perMillion: { input: usd('0.15'), cachedInput: usd('0.075'), output: usd('0.6') },
  perRequest: usd('0.001'),
};

describe('a price', () => {
  test('is the sum of exact lines, which a reader can work out again', () => {
    const usage = { tokens: { input: 7, cachedInput: 3, output: 11 }, raw: { a: 1 } };
    const { receipt, totalUsd } = priceUsage(usage, price, 'upstream');
    expect(usdText(totalUsd)).toBe('0.001007875');
    expect(receipt).toMatchObject({
      basis: 'upstream',
      priceVersion: 'p1',
      totalUsd: '0.001007875',
      raw: '{"a":1}',
    });
    const again = receipt.lines.reduce(
      (sum, line) => sum.plus(usd(line.unitUsd).times(line.count)),
      usd('0'),
    );
    expect(usdText(again)).toBe(receipt.totalUsd);
    expect(receipt.lines.map(({ what }) => what)).toEqual([
      'input',
      'cachedInput',
      'output',
      'request',
    ]);
  });

  test.each([
    ['no usage', undefined],
    ['a usage without input', { tokens: { output: 3 }, raw: {} }],
    ['a class without a rate', { tokens: { input: 1, cacheWrite1h: 5, output: 1 }, raw: {} }],
    ['a piece without a rate', { tokens: { input: 1 }, requests: { webSearch: 1 }, raw: {} }],
  ])('%s is no price, and never a price of nothing', (_, usage) => {
    const { receipt } = priceUsage(usage, price, 'upstream');
    expect(receipt.basis).toBe('missing');
    expect(receipt.because).toBeTruthy();
  });

  test('a class without a rate of which none was used costs nothing', () => {
    const usage = { tokens: { input: 1, cacheWrite1h: 0, output: 1 }, raw: {} };
    expect(priceUsage(usage, price, 'upstream').receipt.basis).toBe('upstream');
  });
});

const estimate = { inputTokens: 100, choices: 1, unreported: {} };

describe('what a reply owes', () => {
  test('a cut reply is charged for what was delivered, and the receipt says so', () => {
    const { receipt } = chargeFor({ end: 'cut', deliveredBytes: 41 }, price, estimate);
    expect(receipt.basis).toBe('delivered');
    expect(receipt.tokens).toEqual({ input: 100, output: 11 });
  });

  test('what the upstream did report of a cut reply is kept', () => {
    const usage = { tokens: { input: 9, output: 1 }, raw: {} };
    const { receipt } = chargeFor({ end: 'left', deliveredBytes: 40, usage }, price, estimate);
    expect(receipt.tokens).toEqual({ input: 9, output: 10 });
  });

  test('a reply of which nothing came owes nothing', () => {
    const { receipt } = chargeFor({ end: 'left', deliveredBytes: 0 }, price, estimate);
    expect(receipt).toMatchObject({ basis: 'none', totalUsd: '0' });
  });

  test('a complete reply without usage is left unpriced', () => {
    const { receipt } = chargeFor({ end: 'complete', deliveredBytes: 40 }, price, estimate);
    expect(receipt.basis).toBe('missing');
  });

  test('what the vendor bills for every such call is charged, though no usage tells of it', () => {
    const searched = { ...estimate, unreported: { webSearch: 1 } };
    const usage = { tokens: { input: 10, output: 1 }, raw: {} };
    const measured = { end: 'complete', deliveredBytes: 4, usage } as const;
    const priced = { ...price, perPiece: { webSearch: usd('0.025') } };
    const { receipt } = chargeFor(measured, priced, searched);
    expect(receipt.lines).toContainEqual({
      ...{ what: 'webSearch', count: 1, unitUsd: '0.025', amountUsd: '0.025' },
    });
    expect(chargeFor(measured, price, searched).receipt.basis).toBe('missing');
  });
});
