import { beforeEach, expect, test, vi } from 'vitest';
import { egress } from '../../adapters/egress.ts';

const answers: { address: string; family: number }[][] = [];
const resolved: string[] = [];

vi.mock('node:dns', async (original) => ({
  ...(await original<typeof import('node:dns')>()),
  lookup: (hostname: string, _options: object, callback: (error: null, addresses: object[]) => void) => {
    resolved.push(hostname);
    callback(null, answers.shift() ?? []);
  },
}));

beforeEach(() => {
  answers.length = 0;
  resolved.length = 0;
});

test.each([
  ['a private address', [{ address: '10.0.0.1', family: 4 }]],
  ['the metadata service', [{ address: '169.254.169.254', family: 4 }]],
  ['a mapped loopback address', [{ address: '::ffff:127.0.0.1', family: 6 }]],
  [
    'a public and a private address',
    [
      { address: '8.8.8.8', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ],
  ],
  ['no address', []],
])('HOOK-07 a public name that resolves to %s is refused', async (_name, addresses) => {
  answers.push(addresses);
  await expect(egress.request({ url: 'https://gate.example.com/' })).rejects.toMatchObject({ code: 'EGRESS_REFUSED' });
  // Asked once: what was checked is what would have been connected to.
  expect(resolved).toEqual(['gate.example.com']);
});
