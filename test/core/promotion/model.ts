/** One request in memory: what the store does with a change, and the tasks of the run around the rules. Nothing here decides. */
import type { Actor } from '../../../core/access/identity.ts';
import { membershipOfKey, NOBODY } from '../../../core/access/membership.ts';
import { type DecisionInput, decide } from '../../../core/approval/decide.ts';
import type { Decision } from '../../../core/approval/decision.ts';
import type { Approvers, Delegation } from '../../../core/approval/delegation.ts';
import { type Explanation, explain } from '../../../core/approval/explain.ts';
import type { ApprovalStage } from '../../../core/approval/stage.ts';
import { standingDecisions } from '../../../core/approval/standing.ts';
import { withdraw } from '../../../core/approval/withdraw.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import type { EnvironmentRecord } from '../../../core/environment/environment.ts';
import { Refusal } from '../../../core/errors.ts';
import { breakGlass, requesterMembership } from '../../../core/gate/break-glass.ts';
import type { GateResult, GateStatus } from '../../../core/gate/gate.ts';
import { recordGate } from '../../../core/gate/record-gate.ts';
import { mayBeWaived } from '../../../core/gate/waiver.ts';
import { approvalsHoldUntil, type BeginOutcome, begin, expired, lapsed } from '../../../core/promotion/begin.ts';
import { type PromotionChange, withPhase } from '../../../core/promotion/change.ts';
import { cancel, create, edit, execute, retry } from '../../../core/promotion/create.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import { endRollback, fail, startRollback, succeed } from '../../../core/promotion/finish.ts';
import { isFinal, mayBecome } from '../../../core/promotion/phase.ts';
import type { Plan } from '../../../core/promotion/plan.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { settleGates } from '../../../core/promotion/settle-gates.ts';
import { acting, actor, approversOf, delegation, demoConfiguration, keyOf, NOW, prodPlan, requestBody, robotOf } from './fixture.ts';

const rule = (team: string, min = 1) => ({ team, min });
const TEAMS: ApprovalStage = { name: 'teams', rules: [rule('platform-leads'), rule('security')] };
const TENANT: ApprovalStage = { name: 'tenant', rules: [{ role: 'cpi', min: 1 }] };

/** What production asks for: teams and then a role, both at once, two of one team, or a service before the people. */
const STAGES = {
  sequential: [TEAMS, TENANT],
  parallel: [TEAMS, { ...TENANT, parallel: true as const }],
  quorum: [{ name: 'two', rules: [rule('security', 2), rule('platform-leads')] }],
  service: [{ name: 'checks', rules: [{ automated: 'risk', min: 1 }] }, TEAMS],
} satisfies Record<string, ApprovalStage[]>;

export interface Shape {
  stages: keyof typeof STAGES;
  execute: 'auto' | 'manual';
  waitSeconds: 0 | 3_600;
  /** Who asks: a person, that person's robot, or the robot of somebody who could approve. */
  requester: 'dev' | 'robot of dev' | 'robot of both';
}

const person = { name: 'x', tenants: ['tenant-finance'], roles: ['approver'], disabled: false };

/** Some people are in two groups, one is the requester's second account, and two may waive a gate. */
export function modelConfiguration({ stages, execute: how, waitSeconds }: Shape): Configuration {
  const configuration = demoConfiguration();
  const { people, roles, automatedApprovers, environments } = configuration;
  Object.assign(environments['prod']!, { approvals: STAGES[stages], execute: how, waitSeconds });
  automatedApprovers['risk'] = { name: 'risk', url: 'https://risk.example.com', secret: 'secret:risk' };
  roles['duty'] = { verbs: ['read', 'break_glass'], sees: 'tenant' };
  people.push(
    { ...person, subject: 'both', email: 'both@example.com', teams: ['platform-leads', 'security'], roles: ['approver', 'cpi'] },
    { ...person, subject: 'alias', email: 'd.e.v+2@EXAMPLE.com', teams: ['platform-leads', 'security'], roles: ['approver', 'cpi'] },
    { ...person, subject: 'third', email: 'third@example.com', teams: ['security', 'platform-leads'] },
    { ...person, subject: 'duty', email: 'duty@example.com', teams: ['security'], roles: ['approver', 'duty'] },
  );
  return configuration;
}

export const RISK: Actor = { id: 'service:risk', key: 'service-risk', kind: 'policy', email: 'risk', name: 'risk' };

export class Model {
  readonly shape: Shape;
  configuration: Configuration;
  promotion: Promotion;
  plans = new Map<string, Plan>();
  decisions: Decision[] = [];
  delegations: Delegation[] = [];
  gates: GateResult[] = [];
  environment: EnvironmentRecord = {
    environment: 'prod',
    artifact: 'payment-api',
    tenant: 'tenant-finance',
    health: 'healthy',
    fence: 0,
    revision: 0,
  };
  now = NOW;
  evidenceHolds = true;
  /** Every change, in order. */
  changes: PromotionChange[] = [];
  /** Called before a change is stored; throws when it must not happen. */
  check: (model: Model, change: PromotionChange) => void;

  constructor(shape: Shape, check: (model: Model, change: PromotionChange) => void) {
    this.shape = shape;
    this.configuration = modelConfiguration(shape);
    this.check = check;
    const requester = shape.requester === 'dev' ? actor('dev') : robotOf(shape.requester === 'robot of dev' ? 'dev' : 'both');
    const change = create({
      ...acting('dev'),
      ...prodPlan(this.configuration),
      actor: requester,
      id: 'PR-2026-0007',
      requestedVersion: '1.1.0',
      now: NOW,
    });
    this.promotion = change.after;
    this.commit(change);
  }

  /** Another one in the same state, to try things with. */
  twin(): Model {
    const twin: Model = Object.assign(Object.create(Model.prototype) as Model, this);
    twin.plans = new Map(this.plans);
    twin.changes = [...this.changes];
    return twin;
  }

  get approvers(): Approvers {
    return approversOf(this.configuration, this.delegations, this.now);
  }

  get standing(): Decision[] {
    return standingDecisions(this.approvers, this.promotion, this.decisions);
  }

  get plan(): Plan {
    return this.plans.get(this.promotion.planHash)!;
  }

  /** As the store: the head that was read is the condition, and each write has its own. */
  commit(change: PromotionChange): void {
    if (change.before && change.before !== this.promotion) throw new Error('a change of a head that was not read');
    this.check(this, change);
    const { decision, environment } = change;
    if (decision) {
      const stored = this.decisions.find((other) => other.planHash === decision.planHash && other.actor.key === decision.actor.key);
      if ((stored !== undefined) !== (change.replaces === true)) throw new Error('a decision that overwrites another unseen');
      if (stored && !stored.withdrawn && this.standing.some(({ actor: { key }, at }) => key === stored.actor.key && at === stored.at))
        throw new Error('a decision that overwrites one that counts');
      this.decisions = [...this.decisions.filter((other) => other !== stored), decision];
    }
    for (const key of change.withdraw ?? []) {
      this.decisions = this.decisions.map((other) =>
        other.planHash === change.before!.planHash && other.actor.key === key ? { ...other, withdrawn: true } : other,
      );
    }
    if (environment?.kind === 'acquire') {
      if (this.environment.holder && this.environment.holder !== environment.holder) throw new Error('two holders of one lock');
      if (environment.fence <= this.environment.fence) throw new Error('a fence that does not grow');
      this.environment = { ...this.environment, holder: environment.holder, fence: environment.fence };
    } else if (environment) {
      if (this.environment.holder !== environment.holder) throw new Error('a release by who does not hold');
      const { holder: _holder, ...free } = this.environment;
      this.environment = free;
    }
    const attempt = change.after.attempt;
    if (attempt !== this.promotion.attempt) this.gates = [];
    for (const gate of change.gates ?? []) this.gates = [...this.gates.filter(({ name }) => name !== gate.name), gate];
    if (change.plan) {
      const { planHash } = change.after;
      if (change.before && this.plans.has(planHash)) throw new Error('a new plan under the hash of an old one');
      this.plans.set(planHash, change.plan);
    }
    this.changes.push(change);
    this.promotion = { ...change.after, version: (change.before?.version ?? 0) + 1, seq: (change.before?.seq ?? 0) + 1 };
  }

  /** A command of a person: what the rules refuse changes nothing. */
  person(act: () => PromotionChange | undefined): string {
    try {
      const change = act();
      if (change) this.commit(change);
      return 'done';
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  }

  /** Runs all gates; those that are named end otherwise. */
  runGates(ends: Partial<Record<string, GateStatus>> = {}): void {
    if (this.promotion.phase === 'requested') {
      this.commit(engineChange(this.promotion, withPhase(this.promotion, 'validating'), { type: 'gates.started', action: 'validating' }));
    }
    if (this.promotion.phase !== 'validating') return;
    const at = this.now.toISOString();
    for (const { name, type, definitionHash } of this.plan.gates) {
      const result: GateResult = { name, type, definitionHash, status: ends[name] ?? 'passed', message: '', resolution: '' };
      this.commit(recordGate(this.promotion, this.plan, this.gates, result, at));
    }
    this.commit(settleGates(this.promotion, this.plan, this.gates, { now: at, claims: prodPlan().spec.preChecks }));
  }

  decide(subject: string, decision: 'approve' | 'reject', planHash: string | undefined = this.promotion.planHash): string {
    const who = subject === 'alias' ? { ...actor('alias'), email: 'd.e.v+2@EXAMPLE.com' } : actor(subject);
    return this.decideAs({ ...acting(subject), actor: who, decision, ...(planHash === undefined ? {} : { planHash }) });
  }

  service(decision: 'approve' | 'reject'): string {
    return this.decideAs({
      ...{ actor: RISK, auth: 'hmac', channel: 'hook', automated: 'risk' },
      decision,
      planHash: this.promotion.planHash,
    });
  }

  decideAs(input: DecisionInput): string {
    return this.person(() => {
      const { promotion, plan, approvers, decisions } = this;
      const membership = input.automated === undefined ? membershipOfKey(this.configuration, input.actor.key) : NOBODY;
      const facts = { promotion, plan, decisions, membership, approvers, gatesHash: '', isReciprocal: false, now: approvers.now };
      const outcome = decide({ ...facts, hashText: () => '' }, input);
      return outcome.kind === 'change' ? outcome.change : undefined;
    });
  }

  withdraw(subject: string): string {
    return this.person(() => withdraw(this.promotion, this.decisions, acting(subject)));
  }

  edit(by: Actor, rollbackPlan: string): string {
    const drawn = prodPlan(this.configuration, requestBody({}, { rollbackPlan }));
    const input = { ...acting('dev'), actor: by, ...drawn, changes: [], requestedVersion: '1.1.0', now: this.now };
    return this.person(() => edit(this.promotion, input));
  }

  cancel = () => this.person(() => cancel(this.promotion, acting('dev')));
  retry = () => this.person(() => retry(this.promotion, acting('dev')));
  execute = () => this.person(() => execute(this.promotion, acting('cpi')));

  /** Waives the first gate that could be. */
  waive(subject: string): string {
    const gate = this.gates.find(mayBeWaived)?.name ?? this.plan.gates[0]!.name;
    return this.person(() => {
      const { promotion, plan, gates, configuration, now } = this;
      const membership = membershipOfKey(configuration, keyOf(subject));
      const settings = configuration.environments['prod']!.breakGlass;
      const requester = requesterMembership(promotion, configuration);
      const facts = { promotion, plan, gates, reviews: [], membership, requester, now, settings, reviewId: 'rv-1', hashText: () => '' };
      return breakGlass(facts, { ...acting(subject), gate, reason: 'the payments of everybody fail' });
    });
  }

  /** Somebody is away for a day, and may name who decides meanwhile. */
  goAway(from: string, to?: string): void {
    const until = new Date(this.now.getTime() + 86_400_000).toISOString();
    const id = `dg-${this.delegations.length}`;
    this.delegations = [...this.delegations, delegation(from, to, { id, since: this.now.toISOString(), until })];
  }

  comeBack(from: string): void {
    const revokedAt = this.now.toISOString();
    this.delegations = this.delegations.map((one) => (one.from.key === keyOf(from) && !one.revokedAt ? { ...one, revokedAt } : one));
  }

  expire(): void {
    if (this.now.toISOString() < this.promotion.expiresAt || !mayBecome(this.promotion.phase, 'expired')) return;
    this.commit(expired(this.promotion));
  }

  /** The job that asks again for approvals that are too old, before anybody begins. */
  lapse(): void {
    const { promotion, plan, now } = this;
    if (promotion.phase !== 'approved' || now.toISOString() >= promotion.expiresAt) return;
    if (now.toISOString() >= approvalsHoldUntil(promotion, plan)) this.commit(lapsed(promotion, plan, now));
  }

  outcome(): BeginOutcome {
    const { promotion, plan, decisions, approvers, environment, evidenceHolds, now } = this;
    return begin({ promotion, plan, decisions, approvers, environment, hold: undefined, evidenceHolds, now });
  }

  begin(): void {
    const outcome = this.outcome();
    if ('change' in outcome && outcome.change) this.commit(outcome.change);
  }

  explain(): Explanation {
    const { promotion, plan, gates, approvers, environment } = this;
    return explain({ promotion, plan, gates, decisions: this.standing, approvers, environment, now: approvers.now });
  }

  finish(how: 'succeed' | 'roll back' | 'fail'): void {
    const { promotion } = this;
    const at = this.now.toISOString();
    const failure = { code: 'SMOKE_FAILED', message: 'x' };
    const holds = this.environment.holder === `${promotion.id}-${promotion.attempt}`;
    if (how === 'fail') {
      if (mayBecome(promotion.phase, 'failed')) this.commit(fail(promotion, at, failure, { touched: true, holds }));
    } else if (promotion.phase === 'rolling_back') this.commit(endRollback(promotion, at, null));
    else if (promotion.phase === 'promoting')
      this.commit(how === 'succeed' ? succeed(promotion, at, undefined) : startRollback(promotion, failure));
  }

  get isOver(): boolean {
    return isFinal(this.promotion.phase);
  }
}
