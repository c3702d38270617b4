import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalEmail } from '../../../core/access/identity.ts';
import type { PromotionChange } from '../../../core/promotion/change.ts';
import { isFinal, mayBecome } from '../../../core/promotion/phase.ts';
import { planHashOf } from '../../../core/promotion/plan.ts';
import { keyOf } from './fixture.ts';
import { Model, modelConfiguration } from './model.ts';

type Command = (model: Model) => unknown;
const APPROVERS = ['lead', 'security', 'both', 'cpi', 'cpi2', 'alias', 'dev', 'viewer', 'outsider'];

/** Commands as data, so that a failing life can be read. Approvals and the run's steps are the likeliest: the interesting lives need many. */
const commands: Record<string, Command> = {
  'gates pass': (model) => model.runGates('passed'),
  'a gate fails': (model) => model.runGates('failed'),
  'a gate errs': (model) => model.runGates('errored'),
  begin: (model) => model.begin(),
  'roll out': (model) => model.finish('succeed'),
  'roll back': (model) => model.finish('roll back'),
  fail: (model) => model.finish('fail'),
  cancel: (model) => model.cancel(),
  retry: (model) => model.retry(),
  execute: (model) => model.execute(),
  'requester edits': (model) => model.edit('dev', 'Revert to 1.0.0'),
  'requester edits otherwise': (model) => model.edit('dev', 'Call somebody'),
  'approver edits': (model) => model.edit('cpi', 'Call cpi'),
  'a day passes': (model) => {
    model.now = new Date(model.now.getTime() + 86_400_000);
  },
  'the deadline passes': (model) => {
    model.now = new Date(model.promotion.expiresAt);
    model.expire();
  },
  'evidence goes': (model) => {
    model.evidenceHolds = false;
  },
  'another run takes the lock': (model) => {
    model.environment = { ...model.environment, holder: model.environment.holder ?? 'PR-2026-0001-1', fence: model.environment.fence + 1 };
  },
  'another run frees the lock': (model) => {
    const { holder, ...free } = model.environment;
    if (holder === 'PR-2026-0001-1') model.environment = free;
  },
  'everybody is back': (model) => {
    model.configuration.people = modelConfiguration().people;
  },
};
for (const subject of APPROVERS) {
  commands[`${subject} approves`] = (model) => model.decide(subject, 'approve');
  commands[`${subject} rejects`] = (model) => model.decide(subject, 'reject');
  commands[`${subject} withdraws`] = (model) => model.withdraw(subject);
  commands[`${subject} approves what is gone`] = (model) => model.decide(subject, 'approve', [...model.plans.keys()][0]);
  commands[`${subject} leaves`] = (model) => {
    for (const person of model.configuration.people) if (person.subject === subject) person.teams = [];
  };
  commands[`${subject} is disabled`] = (model) => {
    for (const person of model.configuration.people) if (person.subject === subject) person.disabled = true;
  };
}
const names = Object.keys(commands);
const often = names.filter((name) => /^(gates pass|begin|execute|roll out|roll back|(lead|security|both|cpi|cpi2) approves)$/.test(name));
/** Lives begin somewhere on one of these ways, or random lives would seldom come far. */
const STRAIGHT = ['gates pass', 'lead approves', 'security approves', 'cpi2 approves', 'execute', 'begin', 'roll out'];
const WAYS = [
  STRAIGHT,
  [...STRAIGHT.slice(0, 6), 'roll back', 'roll back'],
  [...STRAIGHT.slice(0, 4), 'lead leaves', 'begin'],
  [...STRAIGHT.slice(0, 4), 'another run takes the lock', 'begin'],
  ['a gate fails', 'retry', 'gates pass', 'requester edits otherwise', 'gates pass', 'requester edits'],
];
const step = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...often) }, { weight: 2, arbitrary: fc.constantFrom(...names) });
const life = fc
  .tuple(fc.constantFrom(...WAYS), fc.nat(STRAIGHT.length + 1), fc.array(step, { maxLength: 30 }))
  .map(([way, length, steps]) => [...way.slice(0, length), ...steps]);

/** What must hold of every change, said without the rules that made it. */
function checkChange(model: Model, change: PromotionChange): void {
  const { before, after, event } = change;
  if (isFinal(before?.phase ?? 'requested')) throw new Error(`${before?.phase} was changed`);
  if (before && before.phase !== after.phase && !mayBecome(before.phase, after.phase)) throw new Error(`${before.phase} → ${after.phase}`);
  if (!event || Array.isArray(event)) throw new Error('a change without exactly one event');
  if (after.phase === 'promoting' && before?.phase !== 'promoting') checkStart(model);
}

/** Three different people, each in the group of a place now, none of them excluded, all of them on the plan that runs. */
function checkStart({ promotion, plan, decisions, configuration, environment, now }: Model): void {
  expect(planHashOf(plan)).toBe(promotion.planHash);
  expect(now.toISOString() < promotion.expiresAt).toBe(true);
  expect(environment.holder ?? `${promotion.id}-${promotion.attempt}`).toBe(`${promotion.id}-${promotion.attempt}`);
  const standing = decisions.filter((decision) => decision.planHash === promotion.planHash && !decision.withdrawn);
  expect(standing.filter(({ decision }) => decision === 'reject')).toEqual([]);
  const people = standing.flatMap(({ actor }) => {
    const person = configuration.people.find(({ subject }) => keyOf(subject) === actor.key);
    const isExcluded =
      canonicalEmail(actor.email) === canonicalEmail('dev@example.com') || promotion.editors.some(({ key }) => key === actor.key);
    return person && !person.disabled && !isExcluded ? [person] : [];
  });
  const places = [
    people.filter(({ teams }) => teams.includes('platform-leads')),
    people.filter(({ teams }) => teams.includes('security')),
    people.filter(({ roles }) => roles.includes('cpi')),
  ];
  const seats = places[0]!.flatMap((a) => places[1]!.flatMap((b) => places[2]!.map((c) => new Set([a.subject, b.subject, c.subject]))));
  expect(seats.some((seat) => seat.size === 3)).toBe(true);
}

const reached = { promoting: 0, succeeded: 0, rolled_back: 0, blocked: 0, voided: 0 };

function live(execute: 'auto' | 'manual', steps: readonly string[]): Model {
  const model = new Model(execute, checkChange);
  for (const step of steps) {
    const { phase } = model.promotion;
    commands[step]!(model);
    if (isFinal(phase)) expect(model.promotion.phase).toBe(phase);
  }
  return model;
}

describe('every life of a request', () => {
  it('starts a rollout only by distinct people who may approve the plan that runs, leaves no final phase, and records one event per change', () => {
    fc.assert(
      fc.property(fc.constantFrom('auto' as const, 'manual' as const), life, (execute, steps) => {
        const { changes, promotion } = live(execute, steps);
        expect(promotion.seq).toBe(changes.length);
        for (const phase of ['promoting', 'succeeded', 'rolled_back', 'blocked'] as const)
          if (changes.some(({ after }) => after.phase === phase)) reached[phase]++;
        if (changes.some(({ event }) => event.type === 'approval.voided')) reached.voided++;
      }),
      { numRuns: 1_200 },
    );
    // Lives that never come far would prove nothing.
    for (const [phase, count] of Object.entries(reached)) expect(count, phase).toBeGreaterThan(9);
  });

  it('can be brought to its end from wherever it is: nobody waits for what nobody can give', () => {
    fc.assert(
      fc.property(fc.constantFrom('auto' as const, 'manual' as const), life, (execute, steps) => {
        const model = live(execute, steps);
        if (model.now.toISOString() >= model.promotion.expiresAt) return;
        model.evidenceHolds = true;
        commands['everybody is back']!(model);
        commands['another run frees the lock']!(model);
        if (model.promotion.phase === 'blocked') model.retry();
        model.runGates('passed');
        model.begin();
        // cpi may have edited the plan and is then excluded; the others are enough. Whoever is tried twice may close what is complete.
        for (const subject of ['lead', 'security', 'both', 'cpi', 'cpi2', 'lead', 'security', 'cpi2']) model.decide(subject, 'approve');
        model.execute();
        model.begin();
        model.finish('succeed');
        model.finish('succeed');
        expect(model.isOver, model.promotion.phase).toBe(true);
      }),
      { numRuns: 800 },
    );
  });
});
