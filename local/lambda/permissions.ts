/** Resource policies of functions: the `AWS::Lambda::Permission` resources, as IAM and the HTTP API see them. */
import * as z from 'zod';
import type { PolicyDocument, ResourceRequest } from '../service.ts';
import { arnLike } from './arn-pattern.ts';

interface Permission {
  id: string;
  action: string;
  principal: string;
  sourceArn?: string | undefined;
  sourceAccount?: string | undefined;
}

const permissionProperties = z.strictObject({
  Action: z.string(),
  FunctionName: z.string(),
  Principal: z.string(),
  SourceArn: z.string().optional(),
  SourceAccount: z.string().optional(),
});

export class Permissions {
  readonly #account: string;
  readonly #byFunction = new Map<string, Map<string, Permission>>();

  constructor(account: string) {
    this.#account = account;
  }

  /** Adds the declared permission; `functionArn` turns a name, a partial or a whole ARN into the ARN. */
  provision(request: ResourceRequest, functionArn: (name: string) => string): { ref: string; attributes: Record<string, string> } {
    const parsed = permissionProperties.safeParse(request.properties);
    if (!parsed.success) throw new Error(`AWS::Lambda::Permission ${request.logicalId}: ${z.prettifyError(parsed.error)}`);
    const { Action, FunctionName, Principal, SourceArn, SourceAccount } = parsed.data;
    const arn = functionArn(FunctionName);
    const ofFunction = this.#byFunction.get(arn) ?? new Map<string, Permission>();
    this.#byFunction.set(arn, ofFunction);
    const id = request.defaultName;
    ofFunction.set(id, { id, action: Action, principal: Principal, sourceArn: SourceArn, sourceAccount: SourceAccount });
    return { ref: id, attributes: { Id: id } };
  }

  /** Whether the service `principal` may invoke the function on behalf of `sourceArn`. */
  permitted(functionArn: string, principal: string, sourceArn: string): boolean {
    for (const permission of this.#byFunction.get(functionArn)?.values() ?? []) {
      if (!['lambda:InvokeFunction', 'lambda:*'].includes(permission.action)) continue;
      if (permission.principal !== principal && permission.principal !== '*') continue;
      if (permission.sourceArn !== undefined && !arnLike(permission.sourceArn, sourceArn)) continue;
      if (permission.sourceAccount !== undefined && permission.sourceAccount !== this.#account) continue;
      return true;
    }
    return false;
  }

  /** The policy as GetPolicy shows it; undefined when nothing was granted. */
  document(functionArn: string): PolicyDocument | undefined {
    const permissions = this.#byFunction.get(functionArn);
    if (!permissions) return undefined;
    return {
      Version: '2012-10-17',
      Id: 'default',
      Statement: [...permissions.values()].map((permission) => statement(permission, functionArn)),
    };
  }
}

function statement(permission: Permission, functionArn: string): Record<string, unknown> {
  const { principal, sourceArn, sourceAccount } = permission;
  const isAccount = /^\d{12}$/.test(principal);
  const condition = {
    ...(sourceAccount === undefined ? {} : { StringEquals: { 'AWS:SourceAccount': sourceAccount } }),
    ...(sourceArn === undefined ? {} : { ArnLike: { 'AWS:SourceArn': sourceArn } }),
  };
  return {
    Sid: permission.id,
    Effect: 'Allow',
    Principal: principalElement(isAccount ? `arn:aws:iam::${principal}:root` : principal),
    Action: permission.action,
    Resource: functionArn,
    ...(Object.keys(condition).length > 0 ? { Condition: condition } : {}),
  };
}

function principalElement(principal: string): unknown {
  if (principal === '*') return '*';
  return principal.startsWith('arn:') ? { AWS: principal } : { Service: principal };
}
