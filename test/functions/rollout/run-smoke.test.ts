import { describe, expect, it } from 'vitest';
import type { SmokeAnswer } from '../../../core/rollout/smoke.ts';
import type { Service } from '../../../core/rollout/workload.ts';
import type { Place } from '../../../functions/rollout/rollout-world.ts';
import { originOf, runSmoke } from '../../../functions/rollout/run-smoke.ts';

const OK: SmokeAnswer = { kind: 'answer', status: 200, body: '{}' };
const BROKEN: SmokeAnswer = { kind: 'answer', status: 500, body: '{}' };
const LOST: SmokeAnswer = { kind: 'lost', reason: 'the connection was lost' };

const checks = ['health', 'ready', 'login', 'me'].map((name) => ({ name, path: `/${name}`, status: 200 }));
const place = {
  workload: { name: 'x', container: 'x', replicas: 10, smoke: checks, smokeOrigin: 'https://x.example.com/' },
} as unknown as Place;

describe('smoke checks', () => {
  it('meet the one canary pod with every check, whichever pod in turn it is', async () => {
    for (let canary = 0; canary < 10; canary++) {
      for (const broken of checks) {
        let turn = 0;
        const probe = async (_origin: string, check: { name: string }) =>
          turn++ % 10 === canary && check.name === broken.name ? BROKEN : OK;
        expect(await runSmoke(place, probe, 10)).toBe(`${broken.name}: /${broken.name} answered 500 instead of 200`);
      }
    }
  });

  it('go to the configured origin and stop at the first failure', async () => {
    const sent: string[] = [];
    const probe = async (origin: string, check: { path: string }) => {
      sent.push(`${origin}${check.path}`);
      return BROKEN;
    };
    expect(await runSmoke(place, probe, 100)).toContain('health');
    expect(new Set(sent)).toEqual(new Set(['https://x.example.com/health']));
    expect(sent.length).toBeLessThanOrEqual(4);
  });

  it('forgive a lost connection among five, and not two', async () => {
    const losing = (times: number) => {
      let left = times;
      return async () => (left-- > 0 ? LOST : OK);
    };
    expect(await runSmoke(place, losing(1), 100)).toBeUndefined();
    expect(await runSmoke(place, losing(2), 100)).toBe('health: the connection was lost');
  });
});

describe('the front door', () => {
  const service = (ingress: object[], ports: object[] = [{ port: 80 }]) =>
    ({ metadata: {}, spec: { ports }, status: { loadBalancer: { ingress } } }) as unknown as Service;

  it.each([
    ['an address with its own port', service([{ ip: '127.0.0.1', ports: [{ port: 4321 }] }]), 'http://127.0.0.1:4321'],
    ['a name on port 80', service([{ hostname: 'lb.example.com' }]), 'http://lb.example.com'],
    ['a name on port 443', service([{ hostname: 'lb.example.com' }], [{ port: 443 }]), 'https://lb.example.com'],
    ['a port named https', service([{ hostname: 'lb.example.com' }], [{ port: 8443, name: 'https' }]), 'https://lb.example.com:8443'],
    ['an IPv6 address', service([{ ip: '2001:db8::1' }]), 'http://[2001:db8::1]'],
    ['a load balancer that is not there yet', service([]), undefined],
  ])('is %s', (_name, given, origin) => {
    expect(originOf(given)).toBe(origin);
  });
});
