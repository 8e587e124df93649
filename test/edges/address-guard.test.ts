import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  checkUpstreamUrl,
  guardedLookup,
  isPrivateAddress,
  RefusedAddress,
} from '../../lambdas/edges/address-guard.ts';

const refused = [
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '169.254.170.2',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.19.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '::7f00:1',
  'fd00:ec2::254',
  'fc00::1',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '64:ff9b::10.0.0.1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::1',
  'not an address',
];
const accepted = [
  '8.8.8.8',
  '100.63.255.255',
  '100.128.0.1',
  '172.15.0.1',
  '172.32.0.1',
  '104.18.6.192',
  '2606:4700::6812:6c0',
  '2a00:1450:4001:80b::200a',
  '64:ff9b::808:808',
];

describe('address guard', () => {
  it.each(refused)('refuses %s', (address) => expect(isPrivateAddress(address)).toBe(true));
  it.each(accepted)('lets %s pass', (address) => expect(isPrivateAddress(address)).toBe(false));

  it.each([
    'http://0177.0.0.1/',
    'http://0x7f000001/',
    'http://127.1/',
    'http://①②⑦.0.0.1/',
    'http://127.0.0.1./',
    'http://[::ffff:169.254.169.254]/',
    'ftp://8.8.8.8/',
    'https://key@8.8.8.8/',
  ])('sees through %s', (text) => {
    expect(() => checkUpstreamUrl(new URL(text), false)).toThrow(RefusedAddress);
  });

  const answering =
    (...addresses: string[]): Parameters<typeof guardedLookup>[0] =>
    (_host, _options, callback) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );

  const look = (resolve: Parameters<typeof guardedLookup>[0], all: boolean) =>
    new Promise((done) => {
      guardedLookup(resolve)('host.example', { all }, (error, address) => done(error ?? address));
    });

  it('hands the socket the very addresses that were checked', async () => {
    expect(await look(answering('8.8.8.8', '2606:4700::1'), false)).toBe('8.8.8.8');
    expect(await look(answering('8.8.8.8'), true)).toEqual([{ address: '8.8.8.8', family: 4 }]);
  });

  it('refuses a host as soon as one of its addresses is private, or it has none', async () => {
    expect(await look(answering('8.8.8.8', '10.0.0.1'), true)).toBeInstanceOf(RefusedAddress);
    expect(await look(answering('127.0.0.1'), false)).toBeInstanceOf(RefusedAddress);
    expect(await look(answering(), true)).toBeInstanceOf(RefusedAddress);
  });

  it('asks DNS once for a connection, so that a second answer cannot be another', async () => {
    let asked = 0;
    const lookup = guardedLookup((_host, _options, callback) => {
      asked += 1;
      callback(null, [{ address: asked === 1 ? '10.0.0.1' : '127.0.0.1', family: 4 }]);
    });
    const error = await new Promise((done) => {
      connect({ host: 'rebinding.example', port: 9, lookup }).on('error', done);
    });
    expect(error).toBeInstanceOf(RefusedAddress);
    expect(asked).toBe(1);
  });
});
