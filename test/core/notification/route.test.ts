import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aliasesOf, EVENT_NAMES, isEventName, isNamed, nearestEventName, typesNamed } from '../../../core/notification/event-name.ts';
import { isMuted, type Mute, refuseAlwaysTold } from '../../../core/notification/mute.ts';
import { channelsOf, isAlwaysTold, recipientsOf, routesOf, severityOf } from '../../../core/notification/route.ts';
import { endsWith, pauseAfter, retryAfterOf, wants } from '../../../core/notification/subscription.ts';
import { demoConfiguration } from '../promotion/fixture.ts';

const NOW = '2026-11-20T12:00:00.000Z';

describe('names of events', () => {
  it.each([
    ['request-created', { type: 'promotion.requested', data: {} }],
    ['request-approved', { type: 'approval.closed', data: { outcome: 'approved' } }],
    ['request-rejected', { type: 'approval.closed', data: { outcome: 'rejected' } }],
    ['deployment-started', { type: 'promotion.started', data: {} }],
    ['deployment-succeeded', { type: 'promotion.succeeded', data: {} }],
    ['deployment-failed', { type: 'promotion.failed', data: {} }],
    ['deployment_failed', { type: 'rollback.finished', data: { restored: null } }],
    ['promotion_approved', { type: 'approval.closed', data: { outcome: 'approved' } }],
    ['promotion-denied', { type: 'approval.closed', data: { outcome: 'rejected' } }],
    ['gc.*', { type: 'gc.deleted', data: {} }],
    ['*', { type: 'config.changed', data: {} }],
  ] as const)('%s is the name of what happens', (name, occurrence) => {
    expect(isEventName(name)).toBe(true);
    expect(isNamed(name, occurrence)).toBe(true);
    expect(typesNamed(name)).toContain(occurrence.type);
    expect(isNamed(name, { type: 'approval.closed', data: { outcome: 'expired' } })).toBe(name === '*');
  });

  it('of the contract exist, each is found under its own name, and a misspelt one is suggested', () => {
    const contract = [
      ...['promotion.requested', 'gate.finished', 'approval.requested', 'approval.decided', 'approval.closed', 'promotion.started'],
      ...['rollout.step', 'promotion.succeeded', 'promotion.failed', 'rollback.started', 'rollback.finished', 'waiver.granted'],
      ...['review.overdue', 'gc.planned', 'gc.deleted', 'lifecycle.changed', 'config.changed'],
    ];
    for (const name of contract) expect(EVENT_NAMES).toContain(name);
    for (const type of EVENT_NAMES) expect(isNamed(type, { type, data: {} })).toBe(true);
    expect(isEventName('promotion.exploded')).toBe(false);
    expect(isEventName('constructor')).toBe(false);
    expect(nearestEventName('promotion.faild')).toBe('promotion.failed');
    expect(aliasesOf({ type: 'rollback.finished', data: { restored: '1.0.0' } })).toEqual(['deployment-failed', 'promotion-failed']);
  });
});

describe('routes', () => {
  const happening = { type: 'promotion.failed', data: {}, environment: 'prod' } as const;

  it('are those of the event and the place', () => {
    const routes = [
      { event: 'promotion_failed', environments: ['prod'], recipients: ['a@x.com'] },
      { event: 'promotion_failed', environments: ['staging'], recipients: [] },
      { event: '*', recipients: [] },
    ];
    expect(routesOf(routes, happening)).toEqual([routes[0], routes[2]]);
    expect(routesOf(routes, { type: 'config.changed', data: {} })).toEqual([routes[2]]);
  });

  it('leave every channel open unless each names some', () => {
    expect([...channelsOf([])]).toHaveLength(3);
    expect([...channelsOf([{ event: '*', recipients: [], channels: ['slack'] }])]).toEqual(['slack']);
    expect([
      ...channelsOf([
        { event: '*', recipients: [], channels: ['slack'] },
        { event: '*', recipients: [] },
      ]),
    ]).toHaveLength(3);
  });

  it('weigh by the last that says so, and never make light of what must be told', () => {
    const routes = (...severities: ('info' | 'critical')[]) => severities.map((severity) => ({ event: '*', recipients: [], severity }));
    expect(severityOf('critical', routes('critical', 'info'), happening)).toBe('info');
    expect(severityOf('critical', routes('info'), { type: 'security.alert', data: {} })).toBe('critical');
    expect(severityOf('warning', [], happening)).toBe('warning');
  });

  it('name addresses, teams and people, and what is nobody', () => {
    const configuration = demoConfiguration();
    configuration.people.find(({ subject }) => subject === 'lead')!.slack = 'U0LEAD';
    const named = recipientsOf(configuration, [{ event: '*', recipients: ['ops@x.com', '@platform-leads', '@qa', '@dev', '@nobody'] }]);
    expect(named.mail).toEqual([
      { email: 'ops@x.com' },
      { email: 'lead@example.com', team: 'platform-leads' },
      { email: 'qa@example.com', team: 'qa' },
      { email: 'dev@example.com' },
    ]);
    expect(named.slack.words).toEqual(['@nobody']);
    expect(named.slack.members).toContain('U0LEAD');
  });
});

describe('HOOK-15 muting', () => {
  const mute = (more: Partial<Mute>): Mute => ({ id: 'm', event: '*', createdAt: NOW, createdBy: 'x', ...more });
  const everything = [mute({ person: { key: 'k', email: 'a@x.com' } }), mute({ team: 'qa' })];

  it('never spares a task, what is critical, or what must always be told', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...EVENT_NAMES),
        fc.boolean(),
        fc.constantFrom('info', 'warning', 'critical' as const),
        (type, isTask, severity) => {
          const muted = isMuted({ email: 'A@x.com', isTask, team: 'qa' }, { type, data: {}, severity }, everything, NOW);
          expect(muted).toBe(!isTask && severity !== 'critical' && !isAlwaysTold(type));
        },
      ),
    );
  });

  it('holds for who muted, where and as long as they said', () => {
    const happening = { type: 'promotion.started', data: {}, severity: 'info', environment: 'prod' } as const;
    const of = (more: Partial<Mute>, listener: { email: string; team?: string } = { email: 'a@x.com' }) =>
      isMuted({ isTask: false, ...listener }, happening, [mute(more)], NOW);
    const person = { key: 'k', email: 'a@x.com' };
    expect(of({ person })).toBe(true);
    expect(of({ person }, { email: 'b@x.com' })).toBe(false);
    expect(of({ person, environment: 'staging' })).toBe(false);
    expect(of({ person, event: 'promotion.failed' })).toBe(false);
    expect(of({ person, until: '2026-11-20T11:00:00.000Z' })).toBe(false);
    expect(of({ person, until: '2026-11-20T13:00:00.000Z' })).toBe(true);
    expect(of({ team: 'qa' })).toBe(false);
    expect(of({ team: 'qa' }, { email: 'b@x.com', team: 'qa' })).toBe(true);
  });

  it('refuses names that stand for nothing else', () => {
    for (const event of ['security.alert', 'promotion.failed', 'waiver.granted', 'review.*'])
      expect(() => refuseAlwaysTold(event)).toThrow();
    for (const event of ['*', 'promotion.*', 'promotion_failed', 'approval.requested']) expect(() => refuseAlwaysTold(event)).not.toThrow();
  });
});

describe('HOOK-09 deliveries', () => {
  it('are tried again later and later, spread, within bounds, and then given up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(), (attempts, random, retryAfter) => {
        const pause = pauseAfter(attempts, random, retryAfter)!;
        expect(pause).toBeGreaterThanOrEqual(4);
        expect(pause).toBeLessThanOrEqual(72_000 * 1.2);
        if (attempts > 1) expect(pauseAfter(attempts, random)!).toBeGreaterThan(pauseAfter(attempts - 1, random)!);
      }),
    );
    expect(pauseAfter(10, 0.5)).toBeUndefined();
    expect([retryAfterOf('120'), retryAfterOf('soon'), retryAfterOf(undefined), retryAfterOf('99999999')]).toEqual([120, 0, 0, 0]);
  });

  it('end with 410, or after five days of silence', () => {
    const now = new Date(NOW);
    expect(endsWith(410, NOW, now)).toContain('410');
    expect(endsWith(500, '2026-11-16T12:00:00.000Z', now)).toBeUndefined();
    expect(endsWith(undefined, '2026-11-15T12:00:00.000Z', now)).toContain('5 days');
  });

  it('go to who wants them', () => {
    const happening = {
      type: 'promotion.failed',
      data: {},
      severity: 'critical',
      tenant: 't',
      environment: 'prod',
      artifact: 'a',
    } as const;
    const subscription = { tenant: 't', events: ['promotion_failed'] };
    expect(wants(subscription, happening)).toBe(true);
    expect(wants({ ...subscription, tenant: 'u' }, happening)).toBe(false);
    expect(wants({ ...subscription, environments: ['staging'] }, happening)).toBe(false);
    expect(wants({ ...subscription, artifacts: ['b'] }, happening)).toBe(false);
    expect(wants({ ...subscription, severity: 'critical' }, { ...happening, severity: 'warning' })).toBe(false);
    expect(wants({ ...subscription, disabled: { at: NOW, because: 'x' } }, happening)).toBe(false);
    expect(wants({ events: ['*'] }, { ...happening, tenant: undefined })).toBe(true);
  });
});
