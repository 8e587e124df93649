/** The accounts as plain arithmetic: what the store must agree with, whatever happens to it. */
import { type Usd, usd, zeroUsd } from '../../lambdas/core/money.ts';

export type ModelLimits = {
  requests: number;
  tokens: number;
  concurrency: number;
  daily: Usd;
};

export type ModelHold = {
  callId: string;
  key: number;
  usd: Usd;
  tokens: number;
  at: number;
  expiresAt: number;
  onKey: boolean;
  onOrganisation: boolean;
  /** What its record says, once there is one; `undefined` cost: not priced. */
  record?: { cost: Usd | undefined; tokens: number };
};

type ModelKey = { spent: Usd; requests: Counts; tokens: Counts; daily: Map<string, Usd> };
type Counts = Map<number, number>;

const minuteMs = 60_000;
const minuteOf = (at: number): number => Math.floor(at / minuteMs);
const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7);

export class AccountsModel {
  balance: Usd = zeroUsd;
  toppedUp: Usd = zeroUsd;
  spent: Usd = zeroUsd;
  readonly holds = new Map<string, ModelHold>();
  readonly keys: ModelKey[];
  readonly budgets = new Map<string, Usd>();
  readonly limits: ModelLimits;
  readonly budget: Usd;

  constructor(keys: number, limits: ModelLimits, budget: Usd) {
    this.limits = limits;
    this.budget = budget;
    this.keys = Array.from({ length: keys }, () => ({
      spent: zeroUsd,
      requests: new Map(),
      tokens: new Map(),
      daily: new Map(),
    }));
  }

  topUp(amount: Usd): void {
    this.balance = this.balance.plus(amount);
    this.toppedUp = this.toppedUp.plus(amount);
  }

  requestsLeft(key: number, now: number): number {
    return this.key(key).requests.get(minuteOf(now)) ?? this.limits.requests;
  }
  tokensLeft(key: number, now: number): number {
    return this.key(key).tokens.get(minuteOf(now)) ?? this.limits.tokens;
  }
  dailyLeft(key: number, now: number): Usd {
    return this.key(key).daily.get(dayOf(now)) ?? this.limits.daily;
  }
  budgetLeft(now: number): Usd {
    return this.budgets.get(monthOf(now)) ?? this.budget;
  }

  /** Why the call is refused, in the order that the accounts give; `undefined`: it gets in. */
  refusal(key: number, amount: Usd, tokens: number, now: number): string | undefined {
    const standing = [...this.holds.values()].filter((hold) => hold.onKey && hold.key === key);
    if (this.requestsLeft(key, now) < 1) return 'requests';
    if (this.tokensLeft(key, now) < tokens) return 'tokens';
    if (this.dailyLeft(key, now).lessThan(amount)) return 'daily_spend';
    if (standing.length >= this.limits.concurrency) return 'concurrency';
    if (this.balance.lessThan(amount)) return 'balance';
    return this.budgetLeft(now).lessThan(amount) ? 'budget' : undefined;
  }

  take(hold: ModelHold): void {
    const { key, at } = hold;
    this.holds.set(hold.callId, hold);
    const account = this.key(key);
    if (hold.onKey) {
      account.requests.set(minuteOf(at), this.requestsLeft(key, at) - 1);
      account.tokens.set(minuteOf(at), this.tokensLeft(key, at) - hold.tokens);
      account.daily.set(dayOf(at), this.dailyLeft(key, at).minus(hold.usd));
    }
    if (hold.onOrganisation) {
      this.balance = this.balance.minus(hold.usd);
      this.budgets.set(monthOf(at), this.budgetLeft(at).minus(hold.usd));
    }
  }

  settleKey(hold: ModelHold, now: number): void {
    if (!hold.onKey || hold.record === undefined) return;
    hold.onKey = false;
    const { cost, tokens } = hold.record;
    const account = this.key(hold.key);
    if (cost !== undefined) this.chargeKey(hold, cost, now);
    const back = hold.tokens - tokens;
    const minute = minuteOf(hold.at);
    if (back > 0 && minuteOf(now) - minute <= 1) {
      account.tokens.set(minute, (account.tokens.get(minute) ?? 0) + back);
    }
    let debt = -back;
    for (let at = now; debt > 0 && at < now + 60 * minuteMs; at += minuteMs) {
      const taken = Math.min(this.tokensLeft(hold.key, at), debt);
      if (taken > 0) account.tokens.set(minuteOf(at), this.tokensLeft(hold.key, at) - taken);
      debt -= taken;
    }
  }

  settleOrganisation(hold: ModelHold, now: number): void {
    const cost = hold.record?.cost;
    if (!hold.onOrganisation || cost === undefined) return;
    this.leaveOrganisation(hold, cost, now);
  }

  /** Prices what could not be priced: both accounts at once. */
  price(hold: ModelHold, cost: Usd, now: number): void {
    hold.record = { cost, tokens: 0 };
    this.chargeKey(hold, cost, now);
    this.leaveOrganisation(hold, cost, now);
  }

  /** What healing makes of a hold that has expired. */
  heal(hold: ModelHold, now: number): void {
    if (!hold.onKey && !hold.onOrganisation) return;
    if (hold.record === undefined && hold.onKey && hold.onOrganisation) {
      hold.record = { cost: zeroUsd, tokens: 0 };
    }
    if (hold.record !== undefined) {
      this.settleKey(hold, now);
      this.settleOrganisation(hold, now);
      return;
    }
    if (hold.onKey) {
      hold.onKey = false;
      const account = this.key(hold.key);
      const minute = minuteOf(hold.at);
      if (minuteOf(now) - minute <= 1) {
        account.requests.set(minute, (account.requests.get(minute) ?? 0) + 1);
        account.tokens.set(minute, (account.tokens.get(minute) ?? 0) + hold.tokens);
      }
      this.refundDay(hold, hold.usd, now);
    }
    if (hold.onOrganisation) this.leaveOrganisation(hold, zeroUsd, now);
  }

  heldUsd(): Usd {
    let held = usd('0');
    for (const hold of this.holds.values()) if (hold.onOrganisation) held = held.plus(hold.usd);
    return held;
  }

  private chargeKey(hold: ModelHold, cost: Usd, now: number): void {
    const account = this.key(hold.key);
    account.spent = account.spent.plus(cost);
    this.refundDay(hold, hold.usd.minus(cost), now);
  }

  private refundDay(hold: ModelHold, refund: Usd, now: number): void {
    const account = this.key(hold.key);
    const day = dayOf(hold.at);
    if (day < dayOf(now - 24 * 60 * minuteMs)) return;
    account.daily.set(day, (account.daily.get(day) ?? zeroUsd).plus(refund));
  }

  private leaveOrganisation(hold: ModelHold, cost: Usd, now: number): void {
    hold.onOrganisation = false;
    const refund = hold.usd.minus(cost);
    this.balance = this.balance.plus(refund);
    this.spent = this.spent.plus(cost);
    const month = monthOf(hold.at);
    const current = monthOf(now);
    if (month === current) {
      this.budgets.set(month, (this.budgets.get(month) ?? zeroUsd).plus(refund));
    }
  }

  private key(index: number): ModelKey {
    const key = this.keys[index];
    if (key === undefined) throw new RangeError(`no key ${index}`);
    return key;
  }
}
