/** Credits: money in, once for each payment id, however often it is told. */
import { usdText } from '../core/money.ts';
import { refuse } from '../core/problem.ts';
import { readOrganisation } from './organisations.ts';
import { fieldsOf, moneyField, type Resource, textField } from './resource.ts';

const fieldNames = ['organisation', 'paymentId', 'amountUsd', 'note'] as const;

export const credits: Resource[] = [
  {
    method: 'POST',
    path: 'credits',
    async answer(ports, request) {
      const fields = fieldsOf(request.body, fieldNames);
      const organisationId = textField(fields, 'organisation');
      const paymentId = textField(fields, 'paymentId');
      const amountUsd = moneyField(fields, 'amountUsd');
      if (amountUsd.isZero()) {
        refuse('invalid_request', 'A payment of nothing.', { param: 'amountUsd' });
      }
      const note = fields.note === undefined ? {} : { note: textField(fields, 'note') };
      const payment = { organisationId, paymentId, amountUsd, ...note };
      const outcome = await ports.ledger.book(payment);
      switch (outcome) {
        case 'conflict':
          return refuse('invalid_request', 'This payment was told before with another amount.', {
            ...{ status: 409, param: 'paymentId' },
          });
        case 'no-such-organisation':
          return refuse('not_found', 'There is no organisation of this id.', {
            param: 'organisation',
          });
        case 'not-covered':
          return refuse('insufficient_balance', 'The balance does not cover this refund.', {
            param: 'amountUsd',
          });
        default: {
          const organisation = await readOrganisation(ports, organisationId);
          return {
            status: outcome === 'booked' ? 201 : 200,
            body: { outcome, paymentId, amountUsd: usdText(amountUsd), organisation },
          };
        }
      }
    },
  },
];
