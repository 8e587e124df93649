/** What the control plane needs from the world; the store's edges fit these as they are. */
import type { KeyLimits, KeySettings } from '../core/accounts.ts';
import type { Usd } from '../core/money.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { UsageRecord } from '../core/usage-record.ts';

export type AdminPorts = {
  clock: Pick<Clock, 'now'>;
  log: Log;
  organisations: AdminOrganisations;
  keys: AdminKeys;
  ledger: AdminLedger;
  usage: AdminUsage;
  policy: AdminPolicy;
  /** Whether this secret opens the control plane. */
  admits(secret: string): boolean;
};

export type HeldAmount = { callId: string; usd: Usd; at: number; unpriced: boolean };

export type AdminOrganisations = {
  list(): Promise<{ organisationId: string; name: string; createdAt: number }[]>;
  get(organisationId: string): Promise<{ name: string; createdAt: number } | undefined>;
  account(organisationId: string): Promise<AdminOrganisationAccount | undefined>;
};

export type AdminOrganisationAccount = {
  billing: 'prepaid' | 'postpaid';
  status: 'active' | 'suspended';
  balanceUsd: Usd;
  spentUsd: Usd;
  toppedUpUsd: Usd;
  budgetUsd?: Usd;
  budgetRemainingUsd?: Usd;
  holds: readonly HeldAmount[];
};

export type AdminKeys = {
  list(organisationId: string): Promise<AdminKey[]>;
  account(keyId: string): Promise<AdminKeyAccount | undefined>;
};

export type AdminKey = {
  keyId: string;
  status: 'active' | 'revoked';
  limits: KeyLimits;
  settings: KeySettings;
  createdAt: number;
};

export type AdminKeyAccount = {
  organisationId: string;
  status: 'active' | 'revoked';
  limits: KeyLimits;
  settings: KeySettings;
  spentUsd: Usd;
  remaining: { requests?: number; tokens?: number; dailyUsd?: Usd };
  holds: readonly HeldAmount[];
};

export type AdminLedger = {
  book(payment: {
    organisationId: string;
    paymentId: string;
    amountUsd: Usd;
    note?: string;
  }): Promise<'booked' | 'already-booked' | 'conflict' | 'no-such-organisation' | 'not-covered'>;
};

export type AdminUsage = {
  get(organisationId: string, callId: string): Promise<AdminUsageEntry | undefined>;
  list(query: {
    organisationId: string;
    day: string;
    limit?: number;
    after?: string;
  }): Promise<{ records: AdminUsageEntry[]; next?: string }>;
  /** Charges a call that has waited for its price: the whole of it at once, or nothing. */
  price(call: {
    organisationId: string;
    callId: string;
    costUsd: Usd;
  }): Promise<'priced' | 'already-priced' | 'no-such-call'>;
};

/** `costUsd` is what was charged in the end; absent while it has no price. */
export type AdminUsageEntry = { record: UsageRecord; costUsd: Usd | undefined };

export type AdminPolicy = {
  /** The document in force, as it was written. */
  document(): unknown;
  version(): string;
};
