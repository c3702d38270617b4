/** Decides what a caller may do: the synthesized identity policies of its role together with the policy of the resource. */
import { isWildcardOnlyAction, type RequestAnalysis, runSimulation, type Simulation } from '@cloud-copilot/iam-simulate';
import type { Clock } from '../clock.ts';
import type { Caller, IamCheck, PolicyDocument } from '../service.ts';
import { conditionKeys, type KeyUses, valueClass } from './condition-keys.ts';
import { denialMessage } from './denial-message.ts';
import type { AttachedPolicy, Roles } from './roles.ts';

/** Entries kept in the decision cache. Resource names are chosen by callers, so it must not grow with them. */
const CACHE_LIMIT = 20_000;

export interface Decision {
  decision: 'allowed' | 'denied' | 'implicitDeny';
  /** Why not, in AWS's words; empty when allowed. */
  message: string;
  check: IamCheck;
}

export interface IamOptions {
  account: string;
  region: string;
  partition: string;
  clock: Clock;
  roles: Roles;
  /** Policy attached to a resource, asked from the service that owns the ARN. */
  resourcePolicy(arn: string): PolicyDocument | undefined;
}

interface Judgement {
  decision: Decision['decision'];
  message: string;
}

const ADMIN_POLICY: AttachedPolicy = {
  name: 'AdministratorAccess',
  document: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
};

export class Iam {
  readonly #options: IamOptions;
  readonly #cache = new Map<string, Judgement>();
  readonly #keysOfPolicy = new WeakMap<PolicyDocument, KeyUses>();

  constructor(options: IamOptions) {
    this.#options = options;
  }

  /** Decides all checks of a request; answers the first that is refused, or the first one when all are allowed. */
  async decideAll(caller: Caller, checks: readonly IamCheck[]): Promise<Decision | undefined> {
    let first: Decision | undefined;
    for (const check of checks) {
      const decision = await this.decide(caller, check);
      if (decision.decision !== 'allowed') return decision;
      first ??= decision;
    }
    return first;
  }

  async decide(caller: Caller, check: IamCheck): Promise<Decision> {
    const resourcePolicy = check.resource === '*' ? undefined : this.#resourcePolicy(check.resource);
    if (caller.kind === 'admin' && !resourcePolicy) return { decision: 'allowed', message: '', check };
    const policies = caller.kind === 'admin' ? [ADMIN_POLICY] : this.#options.roles.policiesOf(caller.roleArn ?? '');
    const context = this.#context(caller, check);
    const key = this.#cacheKey(caller, check, context, policies, resourcePolicy);
    const cached = this.#cache.get(key);
    if (cached) return { ...cached, check };
    const judged = await this.#judge(caller, check, context, policies, resourcePolicy);
    if (this.#cache.size >= CACHE_LIMIT) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(key, judged);
    return { ...judged, check };
  }

  /** Whether a service may assume the role, e.g. `lambda.amazonaws.com`. `sourceArn` is what it assumes the role for. */
  async trusts(roleArn: string, servicePrincipal: string, sourceArn?: string): Promise<boolean> {
    const trust = this.#options.roles.trustOf(roleArn);
    if (!trust) return false;
    const analysis = await this.#simulate({
      principal: servicePrincipal,
      check: { action: 'sts:AssumeRole', resource: roleArn },
      context: {
        ...this.#requestContext(),
        'aws:SourceAccount': this.#options.account,
        ...(sourceArn === undefined ? {} : { 'aws:SourceArn': sourceArn }),
      },
      policies: [],
      resourcePolicy: trust,
    });
    return analysis.result === 'Allowed';
  }

  /** Evaluates every role once, so that a malformed policy stops the start and not a later call. Throws naming role and policy. */
  async verifyPolicies(): Promise<void> {
    for (const roleArn of this.#options.roles.arns()) {
      await this.#simulate({
        principal: roleArn,
        check: { action: 'sts:GetCallerIdentity', resource: '*' },
        context: {},
        policies: this.#options.roles.policiesOf(roleArn),
        resourcePolicy: undefined,
      });
    }
  }

  #resourcePolicy(arn: string): PolicyDocument | undefined {
    return this.#options.roles.trustOf(arn) ?? this.#options.resourcePolicy(arn);
  }

  async #judge(
    caller: Caller,
    check: IamCheck,
    context: Record<string, string | string[]>,
    policies: readonly AttachedPolicy[],
    resourcePolicy: PolicyDocument | undefined,
  ): Promise<Judgement> {
    const principal = principalArn(caller, this.#options);
    const analysis = await this.#simulate({ principal, check, context, policies, resourcePolicy });
    if (analysis.result === 'Allowed') return { decision: 'allowed', message: '' };
    // The administrator stands for the owner of the account: only an explicit deny of the resource holds for it.
    if (caller.kind === 'admin' && analysis.result === 'ImplicitlyDenied') return { decision: 'allowed', message: '' };
    const decision = analysis.result === 'ExplicitlyDenied' ? 'denied' : 'implicitDeny';
    return { decision, message: denialMessage({ principal, action: check.action, resource: check.resource, analysis }) };
  }

  async #simulate(question: {
    principal: string;
    check: IamCheck;
    context: Record<string, string | string[]>;
    policies: readonly AttachedPolicy[];
    resourcePolicy: PolicyDocument | undefined;
  }): Promise<RequestAnalysis> {
    const { check } = question;
    const [service = '', action = ''] = check.action.split(':');
    const everything = check.resource === '*' && !(await wildcardOnly(service, action));
    const resource = (await wildcardOnly(service, action)) ? '*' : literal(check.resource);
    const policies = everything ? question.policies.map(forAllResources) : question.policies;
    const simulation: Simulation = {
      request: {
        principal: question.principal,
        action: check.action,
        resource: { resource, accountId: accountOf(check.resource) || this.#options.account },
        contextVariables: question.context,
      },
      identityPolicies: policies.map(({ name, document }) => ({ name, policy: document })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(question.resourcePolicy ? { resourcePolicy: question.resourcePolicy } : {}),
    };
    const outcome = await runSimulation(simulation, {});
    if (outcome.resultType === 'error') {
      throw new Error(
        `IAM cannot evaluate ${check.action} on ${check.resource} for ${question.principal}: ${JSON.stringify(outcome.errors)}`,
      );
    }
    if (outcome.resultType === 'single') return outcome.result.analysis;
    const denied = outcome.results.find((result) => result.analysis.result !== 'Allowed');
    return (denied ?? outcome.results[0])?.analysis ?? { result: 'ImplicitlyDenied', sameAccount: true };
  }

  #requestContext(): Record<string, string> {
    const now = this.#options.clock.date();
    return {
      'aws:SecureTransport': 'true',
      'aws:CurrentTime': `${now.toISOString().slice(0, 19)}Z`,
      'aws:EpochTime': String(Math.floor(now.getTime() / 1000)),
      'aws:RequestedRegion': this.#options.region,
      'aws:SourceIp': '127.0.0.1',
    };
  }

  #context(caller: Caller, check: IamCheck): Record<string, string | string[]> {
    return {
      ...this.#requestContext(),
      'aws:PrincipalArn': caller.roleArn ?? adminArn(this.#options),
      'aws:PrincipalAccount': this.#options.account,
      'aws:PrincipalType': caller.kind === 'admin' ? 'User' : 'AssumedRole',
      'aws:PrincipalIsAWSService': 'false',
      'aws:ViaAWSService': 'false',
      'aws:ResourceAccount': accountOf(check.resource) || this.#options.account,
      ...check.context,
    };
  }

  #cacheKey(
    caller: Caller,
    check: IamCheck,
    context: Record<string, string | string[]>,
    policies: readonly AttachedPolicy[],
    resourcePolicy: PolicyDocument | undefined,
  ): string {
    const uses = policies.map(({ document }) => this.#keysOf(document));
    if (resourcePolicy) uses.push(conditionKeys(resourcePolicy));
    const values: unknown[] = [];
    for (const [key, value] of Object.entries(context)) {
      const name = key.toLowerCase();
      uses.forEach((keys, policy) => {
        const use = keys.get(name);
        if (use) values.push([policy, name, valueClass(value, use)]);
      });
    }
    return JSON.stringify([principalArn(caller, this.#options), check.action, check.resource, values, resourcePolicy]);
  }

  #keysOf(document: PolicyDocument): KeyUses {
    let keys = this.#keysOfPolicy.get(document);
    if (!keys) {
      keys = conditionKeys(document);
      this.#keysOfPolicy.set(document, keys);
    }
    return keys;
  }
}

/** ARN of the caller as messages show it: an assumed role with the function's name as session, or the administrator's user. */
export function principalArn(caller: Caller, place: { partition: string; account: string }): string {
  if (caller.kind === 'admin' || !caller.roleArn) return adminArn(place);
  const role = caller.roleArn.slice(caller.roleArn.lastIndexOf('/') + 1);
  const account = accountOf(caller.roleArn) || place.account;
  // Session names take these characters, at most 64 of them; builds and pods have longer names than functions.
  const session = (caller.functionName ?? 'session').replace(/[^\w+=,.@-]/g, '-').slice(0, 64);
  return `arn:${place.partition}:sts::${account}:assumed-role/${role}/${session}`;
}

function adminArn(place: { partition: string; account: string }): string {
  return `arn:${place.partition}:iam::${place.account}:user/admin`;
}

function accountOf(arn: string): string {
  return arn.split(':')[4] ?? '';
}

/** Object keys and other names come from callers: a `*` in them is a character, not a pattern. */
function literal(resource: string): string {
  if (resource === '*') return resource;
  return resource.replaceAll('*', '%2A').replaceAll('?', '%3F');
}

/** Without the statements that allow single resources: the simulation takes `*` for a pattern that they overlap, AWS for all resources. */
function forAllResources({ name, document }: AttachedPolicy): AttachedPolicy {
  const statements = [document.Statement].flat() as { Effect?: string; Resource?: string | string[] }[];
  const kept = statements.filter(({ Effect: effect, Resource: resource }) => effect !== 'Allow' || [resource].flat().includes('*'));
  return { name, document: { ...document, Statement: kept } };
}

const wildcardOnlyActions = new Map<string, Promise<boolean>>();

function wildcardOnly(service: string, action: string): Promise<boolean> {
  const name = `${service}:${action}`;
  let known = wildcardOnlyActions.get(name);
  if (!known) {
    // An action that the authorization reference does not know is answered by the simulation itself, with its name.
    known = isWildcardOnlyAction(service, action).catch(() => false);
    wildcardOnlyActions.set(name, known);
  }
  return known;
}
