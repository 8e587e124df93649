/** Requests: the record of a call, the calls of a day, and the price of one that had none. */
import { dayOf, timeOfCallId } from '../core/call-id.ts';
import { type Usd, usdText } from '../core/money.ts';
import { refuse } from '../core/problem.ts';
import type { AdminPorts, AdminUsageEntry } from './ports.ts';
import {
  type AdminRequest,
  fieldsOf,
  found,
  moneyField,
  parameter,
  type Resource,
  textField,
} from './resource.ts';

const pageSizeMax = 100;
/** Without the organisation's id a record is looked for in so many of them. */
const organisationsSearchedMax = 100;

export const requests: Resource[] = [
  {
    method: 'GET',
    path: 'requests/{id}',
    async answer(ports, request) {
      const callId = callIdOf(request);
      const entry = await findEntry(ports, callId, request.query.get('organisation'));
      if (entry === undefined) {
        return refuse('not_found', 'There is no record of this call yet.', { param: 'id' });
      }
      return found(entryOf(entry));
    },
  },
  {
    method: 'GET',
    path: 'requests',
    async answer(ports, { query }) {
      const organisationId = query.get('organisation');
      if (organisationId === null) {
        return refuse('invalid_request', 'Whose calls? Give an organisation.', {
          param: 'organisation',
        });
      }
      const day = (query.get('day') ?? dayOf(ports.clock.now())).replaceAll('-', '');
      if (!/^\d{8}$/.test(day)) {
        return refuse('invalid_request', 'Must be a UTC day: 20261124.', { param: 'day' });
      }
      const after = query.get('after');
      if (after !== null && timeOfCallId(after) === undefined) {
        return refuse('invalid_request', "Must be a page's `next`.", { param: 'after' });
      }
      const page = await ports.usage.list({
        ...{ organisationId, day, limit: limitOf(query.get('limit')) },
        ...(after === null ? {} : { after }),
      });
      return found({ day, requests: page.records.map(entryOf), next: page.next ?? null });
    },
  },
  {
    method: 'POST',
    path: 'requests/{id}/price',
    async answer(ports, request) {
      const callId = callIdOf(request);
      const fields = fieldsOf(request.body, ['organisation', 'costUsd']);
      const organisationId = textField(fields, 'organisation');
      const costUsd = moneyField(fields, 'costUsd');
      if (costUsd.isNegative()) {
        return refuse('invalid_request', 'A cost is not less than nothing.', { param: 'costUsd' });
      }
      return price(ports, { organisationId, callId, costUsd });
    },
  },
];

type Pricing = { organisationId: string; callId: string; costUsd: Usd };

/** Telling the same price again changes nothing; another one is refused. */
async function price(ports: AdminPorts, call: Pricing) {
  const outcome = await ports.usage.price(call);
  const entry = await ports.usage.get(call.organisationId, call.callId);
  if (outcome === 'no-such-call' || entry === undefined) {
    return refuse('not_found', 'There is no record of this call.', { param: 'id' });
  }
  if (entry.costUsd === undefined) {
    // The accounts were being written to by others at that moment.
    return refuse('store_unavailable', 'The call could not be priced just now; ask again.');
  }
  if (outcome === 'already-priced' && !entry.costUsd.equals(call.costUsd)) {
    const stands = `This call has a price already: ${usdText(entry.costUsd)}.`;
    return refuse('invalid_request', stands, { status: 409, param: 'costUsd' });
  }
  return found({ outcome, ...entryOf(entry) });
}

function callIdOf(request: AdminRequest): string {
  const callId = parameter(request, 'id');
  if (timeOfCallId(callId) !== undefined) return callId;
  return refuse('not_found', 'This is not the id of a call.', { param: 'id' });
}

function limitOf(text: string | null): number {
  if (text === null) return pageSizeMax;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= pageSizeMax) return limit;
  return refuse('invalid_request', `Must be from 1 to ${pageSizeMax}.`, { param: 'limit' });
}

async function findEntry(
  ports: AdminPorts,
  callId: string,
  organisationId: string | null,
): Promise<AdminUsageEntry | undefined> {
  if (organisationId !== null) return ports.usage.get(organisationId, callId);
  const all = await ports.organisations.list();
  for (const organisation of all.slice(0, organisationsSearchedMax)) {
    const entry = await ports.usage.get(organisation.organisationId, callId);
    if (entry !== undefined) return entry;
  }
  return undefined;
}

/** `costUsd` is null while nobody knows it. */
function entryOf({ record, costUsd }: AdminUsageEntry) {
  return { ...record, costUsd: costUsd === undefined ? null : usdText(costUsd) };
}
