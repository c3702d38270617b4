import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalEmail } from '../../../core/access/identity.ts';
import { askedApprovers } from '../../../core/approval/asked-approvers.ts';
import type { Decision } from '../../../core/approval/decision.ts';
import type { PersonConfiguration } from '../../../core/environment/configuration.ts';
import type { PromotionChange } from '../../../core/promotion/change.ts';
import { isFinal, mayBecome } from '../../../core/promotion/phase.ts';
import { planHashOf } from '../../../core/promotion/plan.ts';
import { actor, keyOf, robotOf } from './fixture.ts';
import { Model, modelConfiguration, RISK, type Shape } from './model.ts';

type Command = (model: Model) => unknown;
const APPROVERS = ['qa', 'lead', 'security', 'both', 'third', 'duty', 'cpi', 'cpi2', 'alias', 'dev', 'viewer', 'outsider'];
/** Who names whom while away. The last ones lend to somebody without any group of the plan. */
const STAND_INS = [
  ['security', 'lead'],
  ['security', 'duty'],
  ['lead', 'security'],
  ['cpi', 'lead'],
  ['dev', 'lead'],
  ['lead', 'qa'],
  ['security', 'qa'],
] as const;

const personOf = ({ configuration }: Model, subject: string): PersonConfiguration =>
  configuration.people.find((person) => person.subject === subject)!;
const passes = (hours: number) => (model: Model) => {
  model.now = new Date(model.now.getTime() + hours * 3_600_000);
};

/** Commands as data, so that a failing life can be read. Approvals and the run's steps are the likeliest: the interesting lives need many. */
const commands: Record<string, Command> = {
  'gates pass': (model) => model.runGates(),
  'a gate fails': (model) => model.runGates({ http: 'failed' }),
  'a gate errs': (model) => model.runGates({ policy: 'errored' }),
  'the signature is wrong': (model) => model.runGates({ signature: 'failed' }),
  begin: (model) => model.begin(),
  'roll out': (model) => model.finish('succeed'),
  'roll back': (model) => model.finish('roll back'),
  fail: (model) => model.finish('fail'),
  cancel: (model) => model.cancel(),
  retry: (model) => model.retry(),
  execute: (model) => model.execute(),
  'requester edits': (model) => model.edit(actor('dev'), 'Revert to 1.0.0'),
  'requester edits otherwise': (model) => model.edit(actor('dev'), 'Call somebody'),
  'approver edits': (model) => model.edit(actor('cpi'), 'Call cpi'),
  'robot of security edits': (model) => model.edit(robotOf('security'), 'Call the robot'),
  'robot of both approves': (model) =>
    model.decideAs({ actor: robotOf('both'), auth: 'token', channel: 'rest', decision: 'approve', planHash: model.promotion.planHash }),
  'service approves': (model) => model.service('approve'),
  'service rejects': (model) => model.service('reject'),
  'service is removed': (model) => {
    model.configuration = { ...model.configuration, automatedApprovers: {} };
  },
  'duty waives': (model) => model.waive('duty'),
  'requester waives': (model) => model.waive('dev'),
  'lead waives': (model) => model.waive('lead'),
  'an hour passes': passes(1),
  'a day passes': passes(24),
  'three days pass': passes(72),
  'approvals lapse': (model) => model.lapse(),
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
    model.configuration = modelConfiguration(model.shape);
    for (const [from] of STAND_INS) model.comeBack(from);
  },
};
for (const subject of APPROVERS) {
  commands[`${subject} approves`] = (model) => model.decide(subject, 'approve');
  commands[`${subject} rejects`] = (model) => model.decide(subject, 'reject');
  commands[`${subject} withdraws`] = (model) => model.withdraw(subject);
  commands[`${subject} approves what is gone`] = (model) => model.decide(subject, 'approve', [...model.plans.keys()][0]);
  commands[`${subject} leaves`] = (model) => void Object.assign(personOf(model, subject), { teams: [] });
  commands[`${subject} is disabled`] = (model) => void Object.assign(personOf(model, subject), { disabled: true });
  commands[`${subject} may do so in staging only`] = (model) => {
    const person = personOf(model, subject);
    person.roleEnvironments = Object.fromEntries(person.roles.map((role) => [role, ['staging']]));
  };
}
for (const [from, to] of STAND_INS) {
  commands[`${from} names ${to}`] = (model) => model.goAway(from, to);
  commands[`${from} is away`] = (model) => model.goAway(from);
  commands[`${from} comes back`] = (model) => model.comeBack(from);
}
const names = Object.keys(commands);
const often = names.filter((name) =>
  /^(gates pass|begin|execute|roll out|roll back|duty waives|an hour passes|service approves|(qa|lead|security|both|third|duty|cpi|cpi2) approves|\w+ names \w+)$/.test(
    name,
  ),
);
/** Lives begin somewhere on one of these ways, or random lives would seldom come far. */
const APPROVED = ['gates pass', 'service approves', 'lead approves', 'security approves', 'duty approves', 'cpi2 approves', 'execute'];
const STRAIGHT = [...APPROVED, 'an hour passes', 'begin', 'roll out'];
const WAIVED = [
  'a gate fails',
  'duty waives',
  'a gate fails',
  'service approves',
  'lead approves',
  'security approves',
  'both approves',
  'cpi2 approves',
];
const WAYS = [
  STRAIGHT,
  [...STRAIGHT.slice(0, -1), 'roll back', 'roll back'],
  [...APPROVED, 'lead leaves', 'begin'],
  [...APPROVED, 'another run takes the lock', 'an hour passes', 'begin'],
  [
    ...APPROVED,
    'three days pass',
    'begin',
    'service approves',
    'lead approves',
    'security approves',
    'both approves',
    'an hour passes',
    'begin',
  ],
  [...WAIVED, 'execute', 'an hour passes', 'begin'],
  [...WAIVED, 'execute', 'a day passes', 'begin'],
  [
    ...['gates pass', 'service approves', 'lead names qa', 'qa approves', 'security approves', 'duty approves', 'cpi approves', 'execute'],
    ...['an hour passes', 'begin'],
  ],
  [
    'gates pass',
    'service approves',
    'lead names qa',
    'security names duty',
    'duty approves',
    'security comes back',
    'security approves',
    'begin',
  ],
  ['gates pass', 'cpi is disabled', 'cpi2 leaves', 'both is disabled', 'third is disabled', 'lead approves', 'lead leaves'],
  ['a gate fails', 'retry', 'gates pass', 'requester edits otherwise', 'gates pass', 'requester edits'],
];
const step = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...often) }, { weight: 2, arbitrary: fc.constantFrom(...names) });
const life = fc
  .tuple(fc.constantFrom(...WAYS), fc.nat(STRAIGHT.length + 3), fc.array(step, { maxLength: 30 }))
  .map(([way, length, steps]) => [...way.slice(0, length), ...steps]);
const shape: fc.Arbitrary<Shape> = fc.record({
  stages: fc.constantFrom('sequential', 'parallel', 'quorum', 'service'),
  execute: fc.constantFrom('auto', 'manual'),
  waitSeconds: fc.constantFrom(0, 3_600),
  requester: fc.constantFrom('dev', 'dev', 'robot of dev', 'robot of both'),
});

/** What must hold of every change, said without the rules that made it. */
function checkChange(model: Model, change: PromotionChange): void {
  const { before, after, event } = change;
  if (isFinal(before?.phase ?? 'requested')) throw new Error(`${before?.phase} was changed`);
  if (before && before.phase !== after.phase && !mayBecome(before.phase, after.phase)) throw new Error(`${before.phase} → ${after.phase}`);
  if (!event || Array.isArray(event)) throw new Error('a change without exactly one event');
  if (after.waivers?.some(({ type, gate }) => type === 'signature' || gate === 'signature')) throw new Error('a signature was waived');
  if (after.phase === 'promoting' && before?.phase !== 'promoting') checkStart(model);
}

/** Everything that a start needs: time, gates, evidence, the lock, and as many different people as the plan asks for. */
function checkStart(model: Model): void {
  const { promotion, plan, decisions, environment, gates, evidenceHolds } = model;
  const now = model.now.getTime();
  const since = Date.parse(promotion.approvedAt!);
  expect(planHashOf(plan)).toBe(promotion.planHash);
  expect(now < Date.parse(promotion.expiresAt)).toBe(true);
  expect(now < since + 72 * 3_600_000).toBe(true);
  expect(now >= since + plan.waitSeconds * 1000).toBe(true);
  expect(evidenceHolds).toBe(true);
  expect(environment.holder ?? `${promotion.id}-${promotion.attempt}`).toBe(`${promotion.id}-${promotion.attempt}`);
  for (const planned of plan.gates) {
    const status = gates.find(({ name }) => name === planned.name)?.status;
    const waiver = promotion.waivers?.find(
      ({ gate, definitionHash }) => gate === planned.name && definitionHash === planned.definitionHash,
    );
    const isWaived = planned.type !== 'signature' && waiver !== undefined && now < Date.parse(waiver.expiresAt);
    expect(status === 'passed' || (status === 'waived' && isWaived), `${planned.name}: ${status}`).toBe(true);
  }
  const standing = decisions.filter((decision) => decision.planHash === promotion.planHash && !decision.withdrawn);
  expect(standing.filter(({ decision }) => decision === 'reject')).toEqual([]);
  const places = plan.approvals.flatMap(({ rules }) => rules.flatMap((rule) => Array.from({ length: rule.min }, () => rule)));
  const voices = standing.flatMap((decision) => voiceOf(model, decision));
  expect(canFill(places, voices), JSON.stringify({ places, voices })).toBe(true);
}

/** A decision as somebody would count it who knows the configuration only. */
interface Voice {
  /** The person, by address. */
  who: string;
  /** In whose place. */
  insteadOf?: string;
  groups: string[];
}

function voiceOf(model: Model, { actor: { key }, automated, onBehalfOf, at }: Decision): Voice[] {
  if (automated !== undefined) {
    const isKnown = key === RISK.key && model.configuration.automatedApprovers[automated] !== undefined;
    return isKnown ? [{ who: automated, groups: [`service ${automated}`] }] : [];
  }
  const own = mayApprove(model, key);
  if (!own) return [];
  if (!onBehalfOf) return [{ who: own.email, groups: groupsOf(own) }];
  const absent = mayApprove(model, onBehalfOf.key);
  const named = model.delegations.find(({ id }) => id === onBehalfOf.delegation);
  const isNamed = named?.to?.key === key && named.from.key === onBehalfOf.key && named.since <= at && at < named.until && !named.revokedAt;
  return absent && isNamed ? [{ who: own.email, insteadOf: absent.email, groups: [...groupsOf(own), ...groupsOf(absent)] }] : [];
}

function mayApprove({ configuration, promotion }: Model, key: string): PersonConfiguration | undefined {
  const person = configuration.people.find(({ subject, disabled }) => !disabled && keyOf(subject) === key);
  if (!person?.tenants.includes('tenant-finance')) return undefined;
  const approves = person.roles.some(
    (role) => configuration.roles[role]!.verbs.includes('approve') && (person.roleEnvironments?.[role] ?? ['prod']).includes('prod'),
  );
  const { requester, editors, waivers = [] } = promotion;
  const counted = [requester, ...editors].flatMap((party) => (party.owner ? [party, party.owner] : [party]));
  const excluded = [...counted, ...waivers.map(({ by }) => by)];
  const isExcluded = excluded.some((party) => party.key === key || canonicalEmail(party.email) === canonicalEmail(person.email));
  return approves && !isExcluded ? person : undefined;
}

function groupsOf({ teams, roles, roleEnvironments }: PersonConfiguration): string[] {
  const held = roles.filter((role) => (roleEnvironments?.[role] ?? ['prod']).includes('prod'));
  return [...teams.map((team) => `team ${team}`), ...held.map((role) => `role ${role}`)];
}

/** Is there one voice for each place, all of different people, and nobody's place taken twice? */
function canFill(
  places: readonly { team?: string; role?: string; automated?: string }[],
  voices: readonly Voice[],
  used: Voice[] = [],
): boolean {
  const [place, ...rest] = places;
  if (!place) return true;
  const group = place.team ? `team ${place.team}` : place.role ? `role ${place.role}` : `service ${place.automated}`;
  const taken = used.flatMap(({ who, insteadOf }) => (insteadOf ? [who, insteadOf] : [who]));
  return voices.some((voice) => {
    const isTaken = [voice.who, voice.insteadOf].some((name) => name !== undefined && taken.includes(name));
    return !isTaken && voice.groups.includes(group) && canFill(rest, voices, [...used, voice]);
  });
}

const reached = { promoting: 0, succeeded: 0, rolled_back: 0, blocked: 0, voided: 0, waived: 0, standIn: 0, service: 0 };

function live(its: Shape, steps: readonly string[], after: (model: Model) => void = () => {}): Model {
  const model = new Model(its, checkChange);
  for (const step of steps) {
    const { phase } = model.promotion;
    commands[step]!(model);
    if (isFinal(phase)) expect(model.promotion.phase).toBe(phase);
    after(model);
  }
  return model;
}

function countReached({ changes }: Model): void {
  for (const phase of ['promoting', 'succeeded', 'rolled_back', 'blocked'] as const)
    if (changes.some(({ after }) => after.phase === phase)) reached[phase]++;
  if (changes.some(({ event }) => event.type === 'approval.voided')) reached.voided++;
  const started = changes.find(({ after, before }) => after.phase === 'promoting' && before?.phase === 'approved');
  if (started?.after.waivers?.length) reached.waived++;
  const counted = changes.flatMap(({ decision }) => (decision && decision.planHash === started?.after.planHash ? [decision] : []));
  if (counted.some(({ onBehalfOf }) => onBehalfOf)) reached.standIn++;
  if (counted.some(({ automated }) => automated)) reached.service++;
}

describe('every life of a request', () => {
  it('starts a rollout only by distinct people who may approve the plan that runs, leaves no final phase, and records one event per change', () => {
    fc.assert(
      fc.property(shape, life, (its, steps) => {
        const model = live(its, steps);
        expect(model.promotion.seq).toBe(model.changes.length);
        countReached(model);
      }),
      { numRuns: 2_000 },
    );
    // Lives that never come far would prove nothing.
    for (const [what, count] of Object.entries(reached)) expect(count, what).toBeGreaterThan(9);
  });

  it('can be brought to its end from wherever it is: nobody waits for what nobody can give', () => {
    fc.assert(
      fc.property(shape, life, (its, steps) => {
        const model = live(its, steps);
        if (model.now.getTime() >= Date.parse(model.promotion.expiresAt) - 4 * 3_600_000) return;
        model.evidenceHolds = true;
        commands['everybody is back']!(model);
        commands['another run frees the lock']!(model);
        if (model.promotion.phase === 'blocked') model.retry();
        // More than once: what was approved may lapse, or a waiver end, while it waits.
        for (let round = 0; round < 3; round++) {
          model.runGates();
          model.begin();
          model.service('approve');
          // Some may have edited the plan or waived a gate and are then excluded; the others are enough. Whoever is asked again may close what is complete.
          for (const subject of ['lead', 'security', 'third', 'duty', 'both', 'cpi', 'cpi2']) model.decide(subject, 'approve');
          model.execute();
          passes(1)(model);
          model.begin();
        }
        model.finish('succeed');
        model.finish('succeed');
        expect(model.isOver, JSON.stringify(model.explain())).toBe(true);
      }),
      { numRuns: 800 },
    );
  });
});

describe('the explanation', () => {
  it('says that nothing is missing exactly when the engine would go on, asks nobody in vain, and enough people', () => {
    const seen = { starts: 0, waits: 0, asked: 0, impossible: 0 };
    const check = (model: Model) => {
      const { phase, expiresAt } = model.promotion;
      const { conditions, ask } = model.explain();
      const isComplete = conditions.every(({ met }) => met);
      if (phase === 'approved' && model.evidenceHolds) {
        const starts = model.outcome().kind === 'start';
        expect(isComplete, JSON.stringify(conditions.filter(({ met }) => !met))).toBe(starts);
        seen[starts ? 'starts' : 'waits']++;
      }
      if (phase !== 'pending_approval') return;
      expect(isComplete).toBe(false);
      if (model.now.toISOString() >= expiresAt) return;
      const { approvers, promotion, plan, decisions } = model;
      for (const { email } of askedApprovers(approvers, promotion, plan, decisions))
        expect(model.twin().decide(nameOf(email), 'approve')).toBe('done');
      const twin = model.twin();
      twin.service('approve');
      if (ask === null) {
        for (const subject of APPROVERS) twin.decide(subject, 'approve');
        expect(twin.promotion.phase, JSON.stringify({ left: model.explain() })).toBe('pending_approval');
        seen.impossible++;
        return;
      }
      for (const email of ask) {
        twin.decide(nameOf(email), 'approve');
        twin.service('approve');
      }
      expect(twin.promotion.phase, JSON.stringify({ ask, left: twin.explain() })).toBe('approved');
      seen.asked++;
    };
    fc.assert(
      fc.property(shape, life, (its, steps) => void live(its, steps, check)),
      { numRuns: 300 },
    );
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(9);
  });

  const nameOf = (email: string): string => (email.startsWith('d.e.v') ? 'alias' : email.split('@')[0]!);
});
