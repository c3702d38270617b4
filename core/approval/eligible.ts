/** Who could fulfil an approval rule of a request: members by the configuration in force, without who requested or edited it. */
import { identityKey, isSamePerson } from '../access/identity.ts';
import type { Configuration, PersonConfiguration } from '../environment/configuration.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Decision } from './decision.ts';
import { approvalProgress } from './progress.ts';
import type { ApprovalRule } from './stage.ts';

/** A person who may decide, with the key that decisions carry. */
export interface EligiblePerson {
  key: string;
  email: string;
  name: string;
}

/** In the order of the configuration. */
export function eligibleFor(
  rule: Pick<ApprovalRule, 'team' | 'role'>,
  promotion: Pick<Promotion, 'tenant' | 'requester' | 'editors'>,
  configuration: Configuration,
): EligiblePerson[] {
  return configuration.people.flatMap((person) => {
    if (person.disabled || !mayApprove(person, promotion.tenant, configuration)) return [];
    const isMember =
      rule.team !== undefined ? person.teams.includes(rule.team) : rule.role !== undefined && person.roles.includes(rule.role);
    if (!isMember) return [];
    const key = identityKey({ issuer: configuration.issuer, subject: person.subject });
    const isRequester = isSamePerson({ key, email: person.email }, promotion.requester) || promotion.editors.includes(key);
    return isRequester ? [] : [{ key, email: person.email, name: person.name }];
  });
}

/** Everybody whose approval is asked for now: members of the open stage's unmet rules who have not decided on this plan. Each person once. */
export function eligibleApprovers(
  configuration: Configuration,
  promotion: Pick<Promotion, 'tenant' | 'requester' | 'editors' | 'planHash'>,
  plan: Pick<Plan, 'approvals'>,
  decisions: readonly Decision[],
): { key: string; person: PersonConfiguration }[] {
  const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
  const index = progress.stages.findIndex((stage) => stage.status === 'pending');
  if (index < 0) return [];
  const open = plan.approvals[index]!.rules.filter((_rule, place) => !progress.stages[index]!.rules[place]!.met);
  const standing = decisions.filter((decision) => decision.planHash === promotion.planHash && !decision.withdrawn);
  const keys = new Set(open.flatMap((rule) => eligibleFor(rule, promotion, configuration).map((person) => person.key)));
  for (const { actor } of standing) keys.delete(actor.key);
  return configuration.people.flatMap((person) => {
    const key = identityKey({ issuer: configuration.issuer, subject: person.subject });
    return keys.has(key) ? [{ key, person }] : [];
  });
}

function mayApprove(person: PersonConfiguration, tenant: string, configuration: Configuration): boolean {
  const roles = person.roles.map((name) => configuration.roles[name]).filter((role) => role !== undefined);
  const isOfTenant = person.tenants.includes(tenant) || roles.some((role) => role.sees === 'all');
  return isOfTenant && roles.some((role) => role.verbs.includes('approve'));
}
