/** Findings of cdk-nag that are accepted, each with its reason. Everything else fails the synthesis. */
import { Validations } from 'aws-cdk-lib';
import { CfnPolicy } from 'aws-cdk-lib/aws-iam';
import type { Construct, IConstruct } from 'constructs';
import type { ControlPlaneStack } from './control-plane-stack.ts';
import type { StateStack } from './state-stack.ts';

interface Acknowledgement {
  /** Rule, or rule with finding: `AwsSolutions-IAM5[Resource::*]`. */
  id: string;
  reason: string;
}

const CONTROL_PLANE: readonly Acknowledgement[] = [
  {
    id: 'AwsSolutions-APIG4',
    reason:
      'Every route authenticates in kit/authenticate, so that each refusal is problem+json; the route table and its test name the public ones.',
  },
  {
    id: 'AwsSolutions-SMG4',
    reason:
      'The secrets belong to other systems (Slack webhook, smoke token, gate key); only their owners can rotate them. docs/runbook.md says how.',
  },
  { id: 'AwsSolutions-S1', reason: 'Exports are asked for by events of the audit log, and their files go after a week.' },
  { id: 'AwsSolutions-SQS3', reason: 'This queue is the dead-letter queue.' },
];

const STATE: readonly Acknowledgement[] = [
  {
    id: 'AwsSolutions-S1',
    reason: 'Access to the log bucket is recorded by CloudTrail data events; a second log bucket would need the same protection again.',
  },
];

/** Wildcards in policies, by the pattern of the finding. */
const WILDCARDS: readonly { finding: RegExp; reason: string }[] = [
  {
    finding: /^Resource::\*$/,
    reason: 'ecr:GetAuthorizationToken, dynamodb:ListStreams, states:SendTask*, X-Ray and log delivery take no resource.',
  },
  {
    finding: /:ecr:.*:repository\//,
    reason: 'Repositories of the registries in greenlight.yaml: a new artifact must not need a deployment.',
  },
  { finding: /:parameter\/greenlight\/\*$/, reason: 'Parameters of this deployment only, referred to by greenlight.yaml.' },
  { finding: /CommandGates/, reason: 'Log streams and report groups of the one build project.' },
  { finding: /ReplicaBucket.*\/\*$/, reason: 'Objects of the bucket that keeps the copies; its owner says what may be written there.' },
  { finding: /AuditVault.*\/\*$/, reason: 'Objects of the log bucket; the bucket policy allows each key to be written once.' },
  { finding: /Exports.*\/\*$/, reason: 'Files of exports of the audit log; each has a random name.' },
  { finding: /Receipts.*\/\*$/, reason: 'Objects of the bucket of receipts; its policy allows each key to be written once.' },
  {
    finding: /^Action::kms:(GenerateDataKey|ReEncrypt)\*$/,
    reason: 'The two actions of a key grant that the library writes with their variants.',
  },
];

/** Accepts the listed findings on the two stacks, and the listed wildcards on every policy that has them. */
export function acknowledgeFindings(state: StateStack, controlPlane: ControlPlaneStack): void {
  for (const { id, reason } of STATE) accept(state, id, reason);
  for (const { id, reason } of CONTROL_PLANE) accept(controlPlane, id, reason);
  for (const stack of [state, controlPlane]) for (const construct of stack.node.findAll()) acceptWildcards(construct, stack);
}

function accept(construct: Construct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/** The finding's id is the wildcard as cdk-nag spells it: intrinsics in angle brackets. */
function acceptWildcards(construct: IConstruct, stack: StateStack | ControlPlaneStack): void {
  if (!(construct instanceof CfnPolicy)) return;
  const document = stack.resolve(construct.policyDocument) as { Statement: { Action: string | string[]; Resource: unknown }[] };
  for (const { Action, Resource } of document.Statement) {
    const findings = [
      ...[Action].flat().map((action) => `Action::${action}`),
      ...[Resource].flat().map((resource) => `Resource::${spell(resource)}`),
    ].filter((finding) => finding.includes('*'));
    for (const finding of findings) {
      const known = WILDCARDS.find((wildcard) => wildcard.finding.test(finding));
      if (known) accept(construct, `AwsSolutions-IAM5[${finding}]`, known.reason);
    }
  }
}

function spell(resource: unknown): string {
  if (typeof resource === 'string') return resource;
  const {
    Ref,
    'Fn::GetAtt': attribute,
    'Fn::Join': join,
    'Fn::ImportValue': imported,
  } = resource as { Ref?: string; 'Fn::GetAtt'?: string[]; 'Fn::Join'?: [string, unknown[]]; 'Fn::ImportValue'?: string };
  if (Ref !== undefined) return `<${Ref}>`;
  if (attribute !== undefined) return `<${attribute.join('.')}>`;
  if (imported !== undefined) return imported;
  if (join !== undefined) return join[1].map(spell).join(join[0]);
  return JSON.stringify(resource);
}
