/** Tokens used beyond what was held: the debt is carried into the windows to come. */
import { tokenDebtMinutesMax } from './admission.ts';
import { countValue, type Item, readCount, readMap } from './attributes.ts';
import { ConditionFailed, type DynamoClient } from './client.ts';
import { type KeyPosting, postToKey, withSet } from './postings.ts';
import { laterMinute, windowAttribute, windowsOf } from './windows.ts';

/** Other calls move the same windows; after so many losses the debt is forgiven, not the money. */
const spreadTriesMax = 8;

/**
 * Posts to a key whose tokens went beyond the hold. The debt fits the current minute, or is taken
 * from one window after the other until it is paid, so that no window ever goes below zero.
 */
export async function postWithDebt(
  client: DynamoClient,
  tableName: string,
  posting: KeyPosting,
): Promise<void> {
  const { hold } = posting;
  let item: Item | undefined;
  try {
    await client.updateItem(postToKey(tableName, posting));
    return;
  } catch (error) {
    if (!(error instanceof ConditionFailed)) throw error;
    item = error.item;
  }
  for (let tries = 0; tries < spreadTriesMax; tries++) {
    if (item === undefined || readMap(item.holds)[hold.callId] === undefined) return;
    try {
      await client.updateItem(spread(tableName, posting, item));
      return;
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      item = error.item;
    }
  }
  await client.updateItem(postToKey(tableName, { ...posting, tokens: hold.tokens }));
}

function spread(tableName: string, posting: KeyPosting, item: Item) {
  const { hold, now } = posting;
  const input = postToKey(tableName, { ...posting, tokens: hold.tokens });
  const names = { ...input.ExpressionAttributeNames };
  const values = { ...input.ExpressionAttributeValues };
  const conditions = [input.ConditionExpression ?? ''];
  const perMinute = readCount(item.tpm) ?? 0;
  const { minute } = windowsOf(now);
  let debt = posting.tokens - hold.tokens;
  for (let ahead = 0; ahead < tokenDebtMinutesMax && debt > 0; ahead++) {
    const attribute = windowAttribute.tokens(laterMinute(minute, ahead));
    const seen = readCount(item[attribute]);
    const left = seen ?? perMinute;
    const taken = Math.min(left, debt);
    if (taken <= 0) continue;
    debt -= taken;
    names[`#w${ahead}`] = attribute;
    values[`:w${ahead}`] = countValue(left - taken);
    input.UpdateExpression = withSet(input, `#w${ahead} = :w${ahead}`);
    if (seen === undefined) conditions.push(`attribute_not_exists(#w${ahead})`);
    else {
      values[`:seen${ahead}`] = countValue(seen);
      conditions.push(`#w${ahead} = :seen${ahead}`);
    }
  }
  input.ExpressionAttributeNames = names;
  input.ExpressionAttributeValues = values;
  input.ConditionExpression = conditions.join(' AND ');
  input.ReturnValuesOnConditionCheckFailure = 'ALL_OLD';
  return input;
}
