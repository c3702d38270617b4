/** Who is told what. Approvers get their own link; lists and channels get the page address only. */

import { type Actor, mailAddressOf } from '../access/identity.ts';
import { mayUse, membershipFrom } from '../access/membership.ts';
import { askedApprovers } from '../approval/asked-approvers.ts';
import type { Decision } from '../approval/decision.ts';
import type { Approvers } from '../approval/delegation.ts';
import { type EligiblePerson, eligibleFor } from '../approval/eligible.ts';
import { approvalProgress, openRules } from '../approval/progress.ts';
import type { Configuration, PersonConfiguration } from '../environment/configuration.ts';
import type { NoticeDraft, NoticeType } from '../promotion/change.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import { isNamed } from './event-name.ts';

export interface Recipient {
  email: string;
  /** Identity key of an approver who gets a link with a token; absent for everybody else. */
  approverKey?: string;
  /** They hear of it as a member of that team, because the configuration names it. */
  team?: string;
}

/** Notices that go out by mail; the others reach the bus and Slack only, or nobody would read their mail any more. */
const TO_REQUESTER: ReadonlySet<NoticeType> = new Set([
  'promotion.blocked',
  'approval.decided',
  'approval.closed',
  'approval.escalated',
  'waiver.granted',
  'promotion.started',
  'promotion.succeeded',
  'promotion.failed',
  'rollback.started',
  'rollback.finished',
  'notification.failed',
]);
const TO_DECIDERS: ReadonlySet<NoticeType> = new Set([
  'promotion.started',
  'promotion.succeeded',
  'promotion.failed',
  'rollback.started',
  'rollback.finished',
]);

/** Ends that everybody hears of who had to do with the request: who asked, who decided, who might have. */
const TO_EVERYBODY: ReadonlySet<NoticeType> = new Set(['promotion.succeeded', 'promotion.failed', 'rollback.finished']);

/** Notices that ask somebody for an approval. */
const ASKING: ReadonlySet<NoticeType> = new Set(['approval.requested', 'approval.reminder', 'approval.decided']);
const TO_ADMINISTRATORS: ReadonlySet<NoticeType> = new Set([
  'security.alert',
  'environment.alert',
  'notification.failed',
  'waiver.granted',
  'review.overdue',
]);

export interface AudienceFacts {
  approvers: Approvers;
  promotion: Promotion;
  plan: Plan;
  decisions: readonly Decision[];
}

/** What a notice says beside its type: its facts, and the person whose act it tells of. */
export interface AudienceSubject {
  data?: NoticeDraft['data'];
  by?: Pick<Actor, 'key' | 'email'>;
}

/** Everybody who gets a mail about this notice, each address once. */
export function audienceOf(
  type: NoticeType,
  facts: AudienceFacts,
  about: AudienceSubject = {},
  named: readonly Recipient[] = [],
): Recipient[] {
  const { approvers, promotion, plan, decisions } = facts;
  const { configuration } = approvers;
  const recipients = new Map<string, Recipient>();
  const add = (recipient: Recipient) => {
    const key = recipient.email.toLowerCase();
    if (!recipients.has(key)) recipients.set(key, recipient);
  };
  // A notice that comes late must not ask for what nobody can give any more.
  if (ASKING.has(type) && promotion.phase === 'pending_approval') {
    for (const { key, email } of askedApprovers(approvers, promotion, plan, decisions)) add({ email, approverKey: key });
  }
  // Whoever used a mailed link held a mailbox: those who could have decided as well see in whose name it was.
  if (type === 'approval.decided' && about.data?.['channel'] === 'link') {
    for (const { key, email } of colleaguesOf(facts)) if (key !== about.by?.key) add({ email });
  }
  if (type === 'notification.failed' || about.data?.['signal'] === 'decision_revoked') {
    for (const { email } of colleaguesOf(facts)) add({ email });
  }
  if (type === 'approval.escalated') for (const email of escalationOf(configuration, promotion)) add({ email });
  if (TO_ADMINISTRATORS.has(type) || isNamed('deployment-failed', { type, data: about.data ?? {} }))
    for (const email of administratorsOf(configuration, promotion.tenant)) add({ email });
  if (TO_REQUESTER.has(type)) for (const email of requestersOf(configuration, promotion)) add({ email });
  if (TO_DECIDERS.has(type)) for (const { actor } of decisions) if (actor.kind === 'person') add({ email: actor.email });
  if (TO_EVERYBODY.has(type)) for (const { email } of colleaguesOf(facts)) add({ email });
  for (const recipient of named) add(recipient);
  return [...recipients.values()];
}

/** Names of the automated approvers whose decision is missing now: they are asked whenever people could be. */
export function servicesToAsk(
  type: NoticeType,
  promotion: Pick<Promotion, 'phase' | 'planHash'>,
  { approvals }: Pick<Plan, 'approvals'>,
  standing: readonly Decision[],
): string[] {
  if (!ASKING.has(type) || promotion.phase !== 'pending_approval') return [];
  const open = openRules(approvals, approvalProgress(approvals, standing, promotion.planHash));
  return [...new Set(open.flatMap(({ rule }) => rule.automated ?? []))];
}

/** The engine asks for rollbacks too, and reads no mail: who runs the place hears of those. */
function requestersOf(configuration: Configuration, { requester, tenant }: Promotion): string[] {
  // Nor has a policy: who hears of what it asks for stands with it.
  if (requester.kind === 'policy') return [];
  return requester.kind === 'system' ? administratorsOf(configuration, tenant) : [mailAddressOf(requester)];
}

/** Addresses of who holds the verb "admin" in a tenant. */
export function administratorsOf(configuration: Configuration, tenant: string): string[] {
  return configuration.people
    .filter((person) => isReader(person) && mayUse(membershipFrom(configuration, person), 'admin', tenant))
    .map(({ email }) => email);
}

/** The team that the environment names, or the administrators. */
function escalationOf(configuration: Configuration, { tenant, to }: Promotion): string[] {
  const team = configuration.environments[to]?.reminders.escalateTo;
  if (team === undefined) return administratorsOf(configuration, tenant);
  return configuration.people.filter((person) => isReader(person) && person.teams.includes(team)).map(({ email }) => email);
}

/** Nobody reads the mail of who has left, nor of machines. */
function isReader({ disabled, owner }: PersonConfiguration): boolean {
  return !disabled && owner === undefined;
}

/** Everybody who may give one of the plan's approvals, whether it is asked for now or not. */
function colleaguesOf({ approvers, promotion, plan }: AudienceFacts): EligiblePerson[] {
  return plan.approvals.flatMap((stage) => stage.rules.flatMap((rule) => eligibleFor(rule, promotion, approvers)));
}
