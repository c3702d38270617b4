/** One request in memory: what the store does with a change, and the tasks of the run around the rules. Nothing here decides. */
import { membershipOfKey } from '../../../core/access/membership.ts';
import { decide } from '../../../core/approval/decide.ts';
import type { Decision } from '../../../core/approval/decision.ts';
import type { Approvers } from '../../../core/approval/delegation.ts';
import { standingDecisions } from '../../../core/approval/standing.ts';
import { withdraw } from '../../../core/approval/withdraw.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import type { EnvironmentRecord } from '../../../core/environment/environment.ts';
import { Refusal } from '../../../core/errors.ts';
import type { GateResult, GateStatus } from '../../../core/gate/gate.ts';
import { recordGate } from '../../../core/gate/record-gate.ts';
import { begin, expired } from '../../../core/promotion/begin.ts';
import { type PromotionChange, withPhase } from '../../../core/promotion/change.ts';
import { cancel, edit, execute, retry } from '../../../core/promotion/create.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import { endRollback, fail, startRollback, succeed } from '../../../core/promotion/finish.ts';
import { isFinal, mayBecome } from '../../../core/promotion/phase.ts';
import type { Plan } from '../../../core/promotion/plan.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { settleGates } from '../../../core/promotion/settle-gates.ts';
import { acting, actor, approversOf, created, demoConfiguration, keyOf, NOW, prodPlan, requestBody } from './fixture.ts';

const person = { name: 'x', tenants: ['tenant-finance'], roles: ['approver'], disabled: false };

/** Prod asks two teams, then a holder of cpi; some people are in two groups, and one is the requester's second account. */
export function modelConfiguration(): Configuration {
  const configuration = demoConfiguration();
  configuration.environments['prod']!.approvals = [
    {
      name: 'teams',
      rules: [
        { team: 'platform-leads', min: 1 },
        { team: 'security', min: 1 },
      ],
    },
    { name: 'tenant', rules: [{ role: 'cpi', min: 1 }] },
  ];
  configuration.people.push(
    { ...person, subject: 'both', email: 'both@example.com', teams: ['platform-leads', 'security'], roles: ['approver', 'cpi'] },
    { ...person, subject: 'alias', email: 'd.e.v+2@EXAMPLE.com', teams: ['platform-leads', 'security'], roles: ['approver', 'cpi'] },
  );
  return configuration;
}

export class Model {
  configuration = modelConfiguration();
  promotion: Promotion;
  plans = new Map<string, Plan>();
  decisions: Decision[] = [];
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
  check: (change: PromotionChange) => void;

  constructor(execute: 'auto' | 'manual', check: (model: Model, change: PromotionChange) => void) {
    this.configuration.environments['prod']!.execute = execute;
    this.check = (change) => check(this, change);
    const change = created(prodPlan(this.configuration));
    this.promotion = change.after;
    this.commit(change);
  }

  get approvers(): Approvers {
    return approversOf(this.configuration, [], this.now);
  }

  get plan(): Plan {
    return this.plans.get(this.promotion.planHash)!;
  }

  /** As the store: the head that was read is the condition, and each write has its own. */
  commit(change: PromotionChange): void {
    if (change.before && change.before !== this.promotion) throw new Error('a change of a head that was not read');
    this.check(change);
    const { decision, environment } = change;
    if (decision) {
      const stored = this.decisions.find((other) => other.planHash === decision.planHash && other.actor.key === decision.actor.key);
      if (stored && !stored.withdrawn) throw new Error('a decision that overwrites another');
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
    if (change.plan) this.plans.set(change.after.planHash, change.plan);
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

  runGates(status: GateStatus): void {
    if (this.promotion.phase === 'requested') {
      this.commit(engineChange(this.promotion, withPhase(this.promotion, 'validating'), { type: 'gates.started', action: 'validating' }));
    }
    if (this.promotion.phase !== 'validating') return;
    const at = this.now.toISOString();
    for (const [index, { name, definitionHash }] of this.plan.gates.entries()) {
      const outcome = { status: index === 0 ? status : ('passed' as const), message: '', resolution: '' };
      this.commit(recordGate(this.promotion, this.plan, this.gates, { name, type: 'policy', definitionHash, ...outcome }, at));
    }
    this.commit(settleGates(this.promotion, this.plan, this.gates, { now: at, claims: prodPlan().spec.preChecks }));
  }

  decide(subject: string, decision: 'approve' | 'reject', planHash: string | undefined = this.promotion.planHash): string {
    return this.person(() => {
      const decisions = standingDecisions(this.approvers, this.promotion, this.decisions);
      const membership = membershipOfKey(this.configuration, keyOf(subject));
      const who = subject === 'alias' ? { ...actor('alias'), email: 'd.e.v+2@EXAMPLE.com' } : actor(subject);
      const { promotion, plan, approvers } = this;
      const facts = { promotion, plan, decisions, membership, approvers, gatesHash: '', isReciprocal: false, now: approvers.now };
      const outcome = decide(
        { ...facts, hashText: () => '' },
        { ...acting(subject), actor: who, decision, ...(planHash === undefined ? {} : { planHash }) },
      );
      return outcome.kind === 'change' ? outcome.change : undefined;
    });
  }

  withdraw(subject: string): string {
    return this.person(() => withdraw(this.promotion, this.decisions, acting(subject)));
  }

  edit(subject: string, rollbackPlan: string): string {
    const drawn = prodPlan(this.configuration, requestBody({}, { rollbackPlan }));
    return this.person(() => edit(this.promotion, { ...acting(subject), ...drawn, changes: [], requestedVersion: '1.1.0', now: this.now }));
  }

  cancel = () => this.person(() => cancel(this.promotion, acting('dev')));
  retry = () => this.person(() => retry(this.promotion, acting('dev')));
  execute = () => this.person(() => execute(this.promotion, acting('cpi')));

  expire(): void {
    if (this.now.toISOString() < this.promotion.expiresAt || !mayBecome(this.promotion.phase, 'expired')) return;
    this.commit(expired(this.promotion));
  }

  begin(): void {
    const { promotion, plan, decisions, approvers, environment, evidenceHolds, now } = this;
    const outcome = begin({ promotion, plan, decisions, approvers, environment, evidenceHolds, now });
    if ('change' in outcome && outcome.change) this.commit(outcome.change);
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
