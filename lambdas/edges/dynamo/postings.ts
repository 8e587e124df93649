/** What settling, releasing and recovering write to the two accounts: each once, in any order. */
import type { Hold } from '../../core/hold.ts';
import { type Usd, zeroUsd } from '../../core/money.ts';
import { keyAccountKey, organisationAccountKey, waitingHoldValue } from './account-items.ts';
import { type AttributeValue, countValue, usdValue } from './attributes.ts';
import type { UpdateInput } from './client.ts';
import { takesRefunds, windowAttribute, windowsOf } from './windows.ts';

/** The hold is what makes a posting happen once: it goes in the same write. */
const holdStands = 'attribute_exists(holds.#id)';

type Draft = {
  sets: string[];
  names: Record<string, string>;
  values: Record<string, AttributeValue>;
};

function startDraft(hold: Hold): Draft {
  return { sets: [], names: { '#id': hold.callId }, values: {} };
}

function finish(draft: Draft, tableName: string, key: UpdateInput['Key'], stale: string[]) {
  const removes = ['holds.#id'];
  for (const [index, name] of stale.entries()) {
    draft.names[`#old${index}`] = name;
    removes.push(`#old${index}`);
  }
  const sets = draft.sets.length === 0 ? '' : `SET ${draft.sets.join(', ')} `;
  const input: UpdateInput = {
    TableName: tableName,
    Key: key,
    UpdateExpression: `${sets}REMOVE ${removes.join(', ')}`,
    ConditionExpression: holdStands,
    ExpressionAttributeNames: draft.names,
  };
  if (draft.sets.length > 0) input.ExpressionAttributeValues = draft.values;
  return input;
}

export type KeyPosting = {
  hold: Hold;
  /** `undefined`: not priced, so the day's spend keeps what was held. */
  costUsd: Usd | undefined;
  tokens: number;
  now: number;
  /** Windows long over, to tidy away in the same write. */
  stale: string[];
};

/** Charges a key. Tokens beyond the hold are drawn from the current minute, and must fit in it. */
export function postToKey(tableName: string, posting: KeyPosting): UpdateInput {
  const { hold, costUsd, tokens, now, stale } = posting;
  const draft = startDraft(hold);
  const open = takesRefunds(windowsOfHold(hold), now);
  if (costUsd !== undefined) {
    draft.sets.push('spent = spent + :cost');
    draft.values[':cost'] = usdValue(costUsd);
    if (open.day)
      addTo(draft, '#d', windowAttribute.daily(hold.dayWindow), usdValue(hold.usd.minus(costUsd)));
  }
  const back = hold.tokens - tokens;
  if (back > 0 && open.minute) {
    addTo(draft, '#t', windowAttribute.tokens(hold.minuteWindow), countValue(back));
  }
  const input = finish(draft, tableName, keyAccountKey(hold.keyId), stale);
  if (back < 0) drawTokens(input, -back, now);
  return input;
}

function drawTokens(input: UpdateInput, tokens: number, now: number): void {
  const names = input.ExpressionAttributeNames ?? {};
  names['#t'] = windowAttribute.tokens(windowsOf(now).minute);
  input.ExpressionAttributeNames = names;
  input.ExpressionAttributeValues = {
    ...input.ExpressionAttributeValues,
    ':debt': countValue(tokens),
  };
  input.UpdateExpression = withSet(input, '#t = if_not_exists(#t, tpm) - :debt');
  const fits = '((attribute_not_exists(#t) AND tpm >= :debt) OR #t >= :debt)';
  input.ConditionExpression = `${holdStands} AND ${fits}`;
  input.ReturnValuesOnConditionCheckFailure = 'ALL_OLD';
}

/** Puts one more assignment in front of what an update does already. */
export function withSet(input: UpdateInput, assignment: string): string {
  const expression = input.UpdateExpression;
  return expression.startsWith('SET ')
    ? `SET ${assignment}, ${expression.slice('SET '.length)}`
    : `SET ${assignment} ${expression}`;
}

export function postToOrganisation(
  tableName: string,
  posting: { hold: Hold; costUsd: Usd; now: number; stale: string[] },
): UpdateInput {
  const { hold, costUsd, now, stale } = posting;
  const draft = startDraft(hold);
  draft.sets.push('balance = balance + :refund', 'spent = spent + :cost');
  draft.values[':refund'] = usdValue(hold.usd.minus(costUsd));
  draft.values[':cost'] = usdValue(costUsd);
  if (takesRefunds(windowsOfHold(hold), now).month) {
    draft.names['#b'] = windowAttribute.budget(hold.budgetWindow);
    draft.sets.push('#b = #b + :refund');
  }
  return finish(draft, tableName, organisationAccountKey(hold.organisationId), stale);
}

/**
 * The organisation's hold stays, and no longer expires: it waits for a price. Its text is written
 * anew from what we know of it, so that telling this twice changes nothing.
 */
export function markUnpriced(tableName: string, hold: Hold): UpdateInput {
  return {
    TableName: tableName,
    Key: organisationAccountKey(hold.organisationId),
    UpdateExpression: 'SET holds.#id = :waiting',
    ConditionExpression: holdStands,
    ExpressionAttributeNames: { '#id': hold.callId },
    ExpressionAttributeValues: { ':waiting': waitingHoldValue(hold, hold.keyId) },
  };
}

/** Takes a hold back from the key as if the call had never been. */
export function releaseKey(tableName: string, hold: Hold, now: number): UpdateInput {
  const draft = startDraft(hold);
  const open = takesRefunds(windowsOfHold(hold), now);
  if (open.minute) {
    addTo(draft, '#r', windowAttribute.requests(hold.minuteWindow), countValue(1));
    addTo(draft, '#t', windowAttribute.tokens(hold.minuteWindow), countValue(hold.tokens));
  }
  if (open.day) addTo(draft, '#d', windowAttribute.daily(hold.dayWindow), usdValue(hold.usd));
  return finish(draft, tableName, keyAccountKey(hold.keyId), []);
}

export function releaseOrganisation(tableName: string, hold: Hold, now: number): UpdateInput {
  return postToOrganisation(tableName, { hold, costUsd: zeroUsd, now, stale: [] });
}

function addTo(draft: Draft, alias: string, attribute: string, amount: AttributeValue): void {
  const value = alias.replace('#', ':');
  draft.names[alias] = attribute;
  draft.values[value] = amount;
  draft.sets.push(`${alias} = ${alias} + ${value}`);
}

function windowsOfHold(hold: Hold) {
  return { minute: hold.minuteWindow, day: hold.dayWindow, month: hold.budgetWindow };
}
