/** Which property of which resource type names a role that an AWS service assumes, and which service that is. */
import type { ResourceRequest, ResourceResult } from '../service.ts';
import type { Iam } from './iam.ts';
import type { Roles } from './roles.ts';

interface Use {
  roleArns(properties: Record<string, unknown>): unknown[];
  principal: string;
}

const USES: Readonly<Record<string, Use>> = {
  'AWS::Lambda::Function': { roleArns: ({ Role }) => [Role], principal: 'lambda.amazonaws.com' },
  'AWS::StepFunctions::StateMachine': { roleArns: ({ RoleArn }) => [RoleArn], principal: 'states.amazonaws.com' },
  'AWS::CodeBuild::Project': { roleArns: ({ ServiceRole }) => [ServiceRole], principal: 'codebuild.amazonaws.com' },
  'AWS::Events::Rule': {
    roleArns: ({ RoleArn, Targets }) => [
      RoleArn,
      ...((Targets as { RoleArn?: string }[] | undefined) ?? []).map((target) => target.RoleArn),
    ],
    principal: 'events.amazonaws.com',
  },
};

/** Throws when a role does not exist or does not trust the service. */
export async function verifyServiceRoles(request: ResourceRequest, result: ResourceResult, roles: Roles, iam: Iam): Promise<void> {
  const use = USES[request.type];
  if (!use) return;
  const source = result.attributes?.Arn ?? result.ref;
  for (const value of use.roleArns(request.properties)) {
    if (typeof value !== 'string') continue;
    // CodeBuild takes a name as well as an ARN.
    const arn = value.startsWith('arn:') ? value : roles.arns().find((candidate) => candidate.endsWith(`/${value}`));
    if (arn === undefined || !roles.has(arn)) throw new Error(`the role ${value} does not exist`);
    if (!(await iam.trusts(arn, use.principal, source))) {
      throw new Error(`the role ${value} cannot be assumed by ${use.principal}: its trust policy does not allow it`);
    }
  }
}
