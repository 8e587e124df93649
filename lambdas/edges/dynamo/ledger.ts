/** The ledger: money that came in or went back, each payment once and never changed. */
import { type Usd, zeroUsd } from '../../core/money.ts';
import type { Clock } from '../../core/ports.ts';
import type { TableNames } from '../../core/settings.ts';
import { organisationAccountKey } from './account-items.ts';
import {
  countValue,
  type Item,
  readCount,
  readText,
  readUsd,
  textValue,
  usdValue,
} from './attributes.ts';
import { type DynamoClient, TransactionFailed } from './client.ts';

export type Payment = {
  organisationId: string;
  /** The payer's own id; the same id is the same payment, however often it is told. */
  paymentId: string;
  /** Negative: a refund, which a prepaid balance must cover. */
  amountUsd: Usd;
  note?: string;
};

export type LedgerEntry = Payment & { at: number };

export type PaymentOutcome =
  | 'booked'
  /** Told before, with the same amount. */
  | 'already-booked'
  /** Told before, with another amount: nothing was booked now. */
  | 'conflict'
  | 'no-such-organisation'
  | 'not-covered';

export type Ledger = {
  book(payment: Payment): Promise<PaymentOutcome>;
  entries(organisationId: string): Promise<LedgerEntry[]>;
};

type Options = { client: DynamoClient; tables: TableNames; clock: Pick<Clock, 'now'> };

export function createLedger({ client, tables, clock }: Options): Ledger {
  return {
    async book(payment) {
      const { amountUsd } = payment;
      if (amountUsd.isZero()) throw new RangeError('a payment of nothing');
      try {
        await client.transactWrite({
          TransactItems: [
            {
              Put: {
                TableName: tables.keys,
                Item: entryItem(payment, clock.now()),
                ConditionExpression: 'attribute_not_exists(pk)',
                ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
              },
            },
            {
              Update: {
                TableName: tables.counters,
                Key: organisationAccountKey(payment.organisationId),
                UpdateExpression: 'SET balance = balance + :amount, toppedUp = toppedUp + :amount',
                ConditionExpression: amountUsd.isNegative()
                  ? 'attribute_exists(pk) AND (billing = :postpaid OR balance >= :refund)'
                  : 'attribute_exists(pk)',
                ExpressionAttributeValues: {
                  ':amount': usdValue(amountUsd),
                  ...(amountUsd.isNegative()
                    ? { ':refund': usdValue(amountUsd.negated()), ':postpaid': { S: 'postpaid' } }
                    : {}),
                },
                ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
              },
            },
          ],
        });
        return 'booked';
      } catch (error) {
        if (error instanceof TransactionFailed) return whyNot(error, amountUsd);
        throw error;
      }
    },
    async entries(organisationId) {
      const found: LedgerEntry[] = [];
      let next: Item | undefined;
      do {
        const page = await client.query({
          TableName: tables.keys,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': textValue(partitionOf(organisationId)) },
          ConsistentRead: true,
          ...(next === undefined ? {} : { ExclusiveStartKey: next }),
        });
        found.push(...page.items.map((item) => readEntry(organisationId, item)));
        next = page.next;
      } while (next !== undefined);
      return found.sort((a, b) => a.at - b.at);
    },
  };
}

function partitionOf(organisationId: string): string {
  return `org#${organisationId}#ledger`;
}

function entryItem(payment: Payment, now: number): Item {
  const item: Item = {
    pk: textValue(partitionOf(payment.organisationId)),
    sk: textValue(`payment#${payment.paymentId}`),
    amount: usdValue(payment.amountUsd),
    at: countValue(now),
  };
  if (payment.note !== undefined) item.note = textValue(payment.note);
  return item;
}

function whyNot(error: TransactionFailed, amountUsd: Usd): PaymentOutcome {
  const [entry, account] = error.reasons;
  if (entry?.code === 'ConditionalCheckFailed') {
    const booked = readUsd(entry.item?.amount);
    return booked?.equals(amountUsd) === true ? 'already-booked' : 'conflict';
  }
  return account?.item === undefined ? 'no-such-organisation' : 'not-covered';
}

function readEntry(organisationId: string, item: Item): LedgerEntry {
  const entry: LedgerEntry = {
    organisationId,
    paymentId: (readText(item.sk) ?? '').slice('payment#'.length),
    amountUsd: readUsd(item.amount) ?? zeroUsd,
    at: readCount(item.at) ?? 0,
  };
  const note = readText(item.note);
  if (note !== undefined) entry.note = note;
  return entry;
}
