/** The roles of the stacks with their trust and identity policies: kept in memory, read from the templates at each start. */
import type { PolicyDocument, ResourceProvider, ResourceRequest } from '../service.ts';
import { managedPolicy } from './managed-policies.ts';

export interface AttachedPolicy {
  name: string;
  document: PolicyDocument;
}

interface Role {
  arn: string;
  name: string;
  id: string;
  trust: PolicyDocument;
  policies: AttachedPolicy[];
}

interface InlinePolicy {
  PolicyName: string;
  PolicyDocument: PolicyDocument;
}

export class Roles {
  readonly #account: string;
  readonly #partition: string;
  readonly #byName = new Map<string, Role>();
  readonly #managed = new Map<string, PolicyDocument>();

  constructor(place: { account: string; partition: string }) {
    this.#account = place.account;
    this.#partition = place.partition;
  }

  /** Providers of the CloudFormation types that make roles and their policies. */
  readonly resources: Readonly<Record<string, ResourceProvider>> = {
    'AWS::IAM::Role': async (request) => this.#putRole(request),
    'AWS::IAM::Policy': async (request) => this.#putPolicy(request),
    'AWS::IAM::ManagedPolicy': async (request) => this.#putManagedPolicy(request),
  };

  /** ARNs of all roles. */
  arns(): string[] {
    return [...this.#byName.values()].map((role) => role.arn);
  }

  has(roleArn: string): boolean {
    return this.#find(roleArn) !== undefined;
  }

  /** Identity policies of a role; none for a role that does not exist. */
  policiesOf(roleArn: string): readonly AttachedPolicy[] {
    return this.#find(roleArn)?.policies ?? [];
  }

  /** The policy that says who may assume the role. */
  trustOf(roleArn: string): PolicyDocument | undefined {
    return this.#find(roleArn)?.trust;
  }

  #find(roleArn: string): Role | undefined {
    const role = this.#byName.get(roleArn.slice(roleArn.lastIndexOf('/') + 1));
    return role?.arn === roleArn ? role : undefined;
  }

  #putRole(request: ResourceRequest): { ref: string; attributes: Record<string, string> } {
    const { properties } = request;
    refuse(properties, ['PermissionsBoundary']);
    const name = (properties.RoleName as string | undefined) ?? request.defaultName;
    if (this.#byName.has(name)) throw new Error(`a role named ${name} exists already`);
    const path = (properties.Path as string | undefined) ?? '/';
    const role: Role = {
      arn: `arn:${this.#partition}:iam::${this.#account}:role${path}${name}`,
      name,
      id: roleId(name),
      trust: document(properties.AssumeRolePolicyDocument, 'AssumeRolePolicyDocument'),
      policies: [],
    };
    for (const policy of (properties.Policies as InlinePolicy[] | undefined) ?? []) {
      role.policies.push({ name: policy.PolicyName, document: document(policy.PolicyDocument, policy.PolicyName) });
    }
    for (const arn of (properties.ManagedPolicyArns as string[] | undefined) ?? []) {
      const found = this.#managed.get(arn) ?? managedPolicy(arn);
      if (!found) throw new Error(`the local cloud does not know the managed policy ${arn}`);
      role.policies.push({ name: arn, document: found });
    }
    this.#byName.set(name, role);
    return { ref: name, attributes: { Arn: role.arn, RoleId: role.id } };
  }

  #putPolicy(request: ResourceRequest): { ref: string; attributes: Record<string, string> } {
    refuse(request.properties, ['Users', 'Groups']);
    const name = (request.properties.PolicyName as string | undefined) ?? request.defaultName;
    this.#attach(request, { name, document: document(request.properties.PolicyDocument, name) });
    return { ref: name, attributes: { Id: name } };
  }

  #putManagedPolicy(request: ResourceRequest): { ref: string; attributes: Record<string, string> } {
    refuse(request.properties, ['Users', 'Groups']);
    const name = (request.properties.ManagedPolicyName as string | undefined) ?? request.defaultName;
    const path = (request.properties.Path as string | undefined) ?? '/';
    const arn = `arn:${this.#partition}:iam::${this.#account}:policy${path}${name}`;
    const policy = document(request.properties.PolicyDocument, name);
    this.#managed.set(arn, policy);
    this.#attach(request, { name: arn, document: policy });
    return { ref: arn, attributes: { PolicyArn: arn } };
  }

  #attach(request: ResourceRequest, policy: AttachedPolicy): void {
    for (const name of (request.properties.Roles as string[] | undefined) ?? []) {
      const role = this.#byName.get(name);
      if (!role) throw new Error(`the role ${name} does not exist`);
      role.policies.push(policy);
    }
  }
}

function document(value: unknown, name: string): PolicyDocument {
  if (typeof value !== 'object' || value === null || !('Statement' in value)) throw new Error(`${name} is not a policy document`);
  return value as PolicyDocument;
}

function refuse(properties: Record<string, unknown>, names: readonly string[]): void {
  const found = names.find((name) => (Array.isArray(properties[name]) ? properties[name].length > 0 : properties[name] !== undefined));
  if (found) throw new Error(`the property ${found} is not supported by the local cloud`);
}

/** `AROA` and 17 characters, stable per name: the first part of `aws:userid`. */
function roleId(name: string): string {
  return `AROA${Buffer.from(name).toString('hex').toUpperCase().padEnd(17, '0').slice(0, 17)}`;
}
