/**
 * Accounts of local mode: opened from the policy when first seen, and found again after a restart.
 * Their ids and keys are derived from the signing secret, so nothing but that secret is kept.
 */
import { createHmac } from 'node:crypto';
import {
  idOfBytes,
  type MintedKey,
  mintApiKey,
  newOrganisationId,
  type RandomBytes,
} from '../core/api-key.ts';
import type { Keys } from '../edges/dynamo/keys.ts';
import type { Ledger } from '../edges/dynamo/ledger.ts';
import type { Organisations } from '../edges/dynamo/organisations.ts';
import type { KeySeed, OrganisationSeed } from '../providers/policy-document.ts';

export type LocalStores = { organisations: Organisations; keys: Keys; ledger: Ledger };

export type LocalKey = {
  organisation: string;
  organisationId: string;
  name: string;
  keyId: string;
  /** What a caller sends. */
  text: string;
};

/** The same bytes for the same name, and unguessable without the secret. */
function bytesFor(signingKey: Uint8Array, label: string): RandomBytes {
  let draws = 0;
  return (count) => {
    draws += 1;
    const mac = createHmac('sha512', signingKey).update(`fairlead local\n${label}\n${draws}`);
    return mac.digest().subarray(0, count);
  };
}

/** Opens what is not there yet, and brings limits, settings and budgets to what the policy says. */
export async function openAccounts(
  stores: LocalStores,
  signingKey: Uint8Array,
  seeds: readonly OrganisationSeed[],
): Promise<LocalKey[]> {
  const found: LocalKey[] = [];
  for (const seed of seeds) {
    const organisationId = newOrganisationId(bytesFor(signingKey, `organisation ${seed.name}`));
    await openOrganisation(stores, organisationId, seed);
    for (const key of seed.keys) {
      const label = `key ${seed.name} ${key.name}`;
      const minted = mintApiKey(signingKey, organisationId, bytesFor(signingKey, label));
      await openKey(stores.keys, minted, key);
      const { text, claim } = minted;
      const { keyId } = claim;
      found.push({ organisation: seed.name, organisationId, name: key.name, keyId, text });
    }
  }
  return found;
}

async function openOrganisation(
  { organisations, ledger }: LocalStores,
  organisationId: string,
  seed: OrganisationSeed,
): Promise<void> {
  const { name, title = name, billing, balance, budget } = seed;
  const outcome = await organisations.create({
    ...{ organisationId, name: title, billing },
    ...(budget === undefined ? {} : { budgetUsd: budget }),
  });
  if (outcome === 'exists') await organisations.setBudget(organisationId, budget);
  if (balance === undefined || balance.isZero()) return;
  // Told at every start and booked once; another amount later is not another payment.
  const note = 'the balance that the policy opens with';
  await ledger.book({ organisationId, paymentId: 'opening-balance', amountUsd: balance, note });
}

async function openKey(keys: Keys, { claim }: MintedKey, seed: KeySeed): Promise<void> {
  const { limits, settings } = seed;
  const outcome = await keys.create({ ...claim, limits, settings });
  if (outcome === 'exists') await keys.change(claim, { limits, settings });
}

/** The one admin key of local mode. */
export function localAdminKey(signingKey: Uint8Array): MintedKey {
  const operator = idOfBytes('org', bytesFor(signingKey, 'operator')(8));
  return mintApiKey(signingKey, operator, bytesFor(signingKey, 'admin key'), 'admin');
}
