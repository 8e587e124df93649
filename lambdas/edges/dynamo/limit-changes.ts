/** Changes of limits while calls are under way: what was used still counts. */
import { zeroUsd } from '../../core/money.ts';
import { type AttributeValue, type Item, readUsd, usdValue } from './attributes.ts';
import { ConditionFailed, type DynamoClient } from './client.ts';

/** A limit, its new value, and the window that is under way, which moves by the difference. */
export type LimitChange = { limit: string; value: AttributeValue; window?: string };

const changeTriesMax = 20;

/**
 * Changes limits and moves the windows under way by the same difference, so that what was used
 * still counts. Other calls draw on the windows meanwhile: every window moves by addition, and
 * only on the limits that were read.
 */
export async function changeLimits(
  client: DynamoClient,
  tableName: string,
  key: Item,
  changes: LimitChange[],
  others: Item = {},
): Promise<boolean> {
  for (let tries = 0; tries < changeTriesMax; tries++) {
    const item = await client.getItem({ TableName: tableName, Key: key, ConsistentRead: true });
    if (item === undefined) return false;
    try {
      await client.updateItem(limitUpdate(tableName, key, item, changes, others));
      return true;
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
    }
  }
  return false;
}

function limitUpdate(
  tableName: string,
  key: Item,
  item: Item,
  changes: LimitChange[],
  others: Item,
) {
  const sets: string[] = [];
  const conditions: string[] = [];
  const names: Record<string, string> = {};
  const values: Item = {};
  for (const [index, { limit, value, window }] of changes.entries()) {
    const old = readUsd(item[limit]) ?? zeroUsd;
    names[`#l${index}`] = limit;
    values[`:l${index}`] = value;
    values[`:o${index}`] = usdValue(old);
    sets.push(`#l${index} = :l${index}`);
    conditions.push(`#l${index} = :o${index}`);
    if (window === undefined) continue;
    names[`#w${index}`] = window;
    if (item[window] === undefined) {
      conditions.push(`attribute_not_exists(#w${index})`);
    } else {
      values[`:d${index}`] = usdValue((readUsd(value) ?? zeroUsd).minus(old));
      sets.push(`#w${index} = #w${index} + :d${index}`);
      conditions.push(`attribute_exists(#w${index})`);
    }
  }
  for (const [index, [name, value]] of Object.entries(others).entries()) {
    names[`#s${index}`] = name;
    values[`:s${index}`] = value;
    sets.push(`#s${index} = :s${index}`);
  }
  return {
    TableName: tableName,
    Key: key,
    UpdateExpression: `SET ${sets.join(', ')}`,
    ConditionExpression: ['attribute_exists(pk)', ...conditions].join(' AND '),
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  };
}

/** Whether a conditional write found what it was for. */
export async function ifThere(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (error instanceof ConditionFailed) return false;
    throw error;
  }
}
