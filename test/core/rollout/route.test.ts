import { expect, it } from 'vitest';
import { readConfiguration } from '../../../core/environment/configuration-file.ts';
import { canaryShare, decideRoute, type HttpRoute, notAccepted, originOfRoute, routeSplitOf } from '../../../core/rollout/route.ts';

const split = routeSplitOf({ name: 'x' });
const holder = { requestId: 'PR-2026-0001', fence: 5 };
const refs = (stable?: number, canary?: number) => [
  { name: 'x-stable', port: 80, ...(stable === undefined ? {} : { weight: stable }) },
  { name: 'x-canary', port: 80, ...(canary === undefined ? {} : { weight: canary }) },
];
const route = (rules: HttpRoute['spec']['rules'], annotations: Record<string, string> = {}): HttpRoute => ({
  metadata: { name: 'x', resourceVersion: '42', generation: 7, annotations },
  spec: { parentRefs: [{ name: 'front', sectionName: 'https' }], rules: rules! },
});

it('weights go into every rule that names both Services, and nothing else of the route changes', () => {
  const header = { matches: [{ headers: [{ name: 'x-canary', value: '1' }] }], backendRefs: [{ name: 'x-canary', port: 80 }] };
  const both = { timeouts: { request: '5s' }, backendRefs: refs(100, 0) };
  const decision = decideRoute(route([header, both, { backendRefs: refs(1) }]), split, 10, holder);
  expect(decision).toMatchObject({
    patch: {
      metadata: { resourceVersion: '42', annotations: { 'greenlight.dev/fence': '5', 'greenlight.dev/generation': '8' } },
      spec: { rules: [header, { timeouts: { request: '5s' }, backendRefs: refs(90, 10) }, { backendRefs: refs(90, 10) }] },
    },
  });
});

it('a share that is spelled otherwise is left as it is, and only claimed', () => {
  const decision = decideRoute(route([{ backendRefs: refs(9, 1) }]), split, 10, holder);
  expect(decision).toMatchObject({
    patch: { metadata: { annotations: { 'greenlight.dev/generation': '7' } }, spec: { rules: [{ backendRefs: refs(9, 1) }] } },
  });
});

it.each([
  ['the default weight of 1', refs(), 50],
  ['thirds', refs(2, 1), 33.3],
  ['nothing at all', refs(0, 0), Number.NaN],
])('the share of %s', (_what, backendRefs, share) => {
  expect(canaryShare(route([{ backendRefs }]), split)).toBe(share);
});

it('rules that differ have no share, so that all are written', () => {
  expect(canaryShare(route([{ backendRefs: refs(100, 0) }, { backendRefs: refs(50, 50) }]), split)).toBeNaN();
});

const condition = (type: string, status: string, observedGeneration: number) => ({ type, status, observedGeneration, reason: 'Because' });
it.each([
  ['nobody took it', [], 'no Gateway has taken HTTPRoute x'],
  ['an older generation is served', [condition('Accepted', 'True', 6)], 'has not looked at HTTPRoute x since it was changed'],
  ['a Service is missing', [condition('Accepted', 'True', 7), condition('ResolvedRefs', 'False', 7)], 'ResolvedRefs False'],
  ['it is served', [condition('Accepted', 'True', 7), condition('ResolvedRefs', 'True', 7)], undefined],
])('acceptance: %s', (_what, conditions, reason) => {
  const parents = conditions.length === 0 ? [] : [{ controllerName: 'c', conditions }];
  const found = notAccepted({ ...route([]), status: { parents } });
  if (reason === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(reason);
});

it.each([
  [{ name: 'https', port: 443, protocol: 'HTTPS' }, ['pay.example.com'], 'https://pay.example.com'],
  [{ name: 'https', port: 8080, protocol: 'HTTP' }, ['*.example.com'], 'http://10.0.0.1:8080'],
  [{ name: 'other', port: 80, protocol: 'HTTP' }, [], undefined],
])('its origin with %j and %j', (listener, hostnames, origin) => {
  const { metadata, spec } = route([]);
  const gateway = { metadata, spec: { listeners: [listener] }, status: { addresses: [{ value: '10.0.0.1' }] } };
  expect(originOfRoute({ metadata, spec: { ...spec, hostnames } }, gateway)).toBe(origin);
});

it('the provider is the environment’s, its rollbacks inherit it, and names follow the workload', () => {
  const text = `
promotion: { path: dev → prod }
registries: { dev: { ecr: { account: "000000000000" } }, prod: { ecr: { account: "111111111111" } } }
clusters: { main: { eks: main } }
environments:
  dev: { registry: dev, cluster: main, gates: [], approvals: [], rollout: { canary: [50, 100] } }
  prod:
    registry: prod
    cluster: main
    gates: []
    approvals: []
    rollout: { canary: [1, 100], provider: gateway }
    rollback: { rollout: { canary: [50, 100] } }
catalog: { x: { tenant: t, workload: { gateway: { route: front-door } } } }
`;
  const read = readConfiguration(text, { complete: false });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const { configuration } = read;
  expect(configuration.environments['dev']!.rollout.provider).toBeUndefined();
  expect(configuration.environments['prod']!.rollout.provider).toBe('gateway');
  expect(configuration.environments['prod']!.rollback.rollout.provider).toBe('gateway');
  expect(routeSplitOf(configuration.artifacts['x']!.workload!)).toEqual({ route: 'front-door', stable: 'x-stable', canary: 'x-canary' });
});
