/** The AWS managed policies that stacks of this service subset attach, as AWS publishes them. Others stop the start with their name. */
import type { PolicyDocument } from '../service.ts';

const LOGS = ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'];
const XRAY = [
  'xray:PutTraceSegments',
  'xray:PutTelemetryRecords',
  'xray:GetSamplingRules',
  'xray:GetSamplingTargets',
  'xray:GetSamplingStatisticSummaries',
];

const DOCUMENTS: Readonly<Record<string, PolicyDocument>> = {
  'service-role/AWSLambdaBasicExecutionRole': allow(LOGS),
  'service-role/AWSLambdaVPCAccessExecutionRole': allow([
    ...LOGS,
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ]),
  'service-role/AWSLambdaDynamoDBExecutionRole': allow([
    'dynamodb:DescribeStream',
    'dynamodb:GetRecords',
    'dynamodb:GetShardIterator',
    'dynamodb:ListStreams',
    ...LOGS,
  ]),
  'service-role/AWSLambdaSQSQueueExecutionRole': allow(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', ...LOGS]),
  AWSXRayDaemonWriteAccess: allow(XRAY),
  AWSXrayWriteOnlyAccess: allow(XRAY),
};

/** Document of an `arn:aws:iam::aws:policy/…`; undefined: the table does not know it. */
export function managedPolicy(arn: string): PolicyDocument | undefined {
  const name = /^arn:aws[a-z-]*:iam::aws:policy\/(.+)$/.exec(arn)?.[1];
  return name !== undefined && Object.hasOwn(DOCUMENTS, name) ? DOCUMENTS[name] : undefined;
}

function allow(actions: string[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] };
}
