import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openCertificateAuthority } from '../../local/certificate-authority.ts';
import { startCloud } from '../../local/cloud.ts';
import { openDataFolder } from '../../local/data-folder.ts';
import { Kernel } from '../../local/kernel.ts';
import { createServices } from '../../local/services.ts';
import { EMPTY_WORLD, type Surroundings, type World } from '../../local/world.ts';

/** Every type that the local cloud promises to provision. */
const TYPES = [
  'AWS::ApiGatewayV2::Api',
  'AWS::ApiGatewayV2::Integration',
  'AWS::ApiGatewayV2::Route',
  'AWS::ApiGatewayV2::Stage',
  'AWS::CloudWatch::Alarm',
  'AWS::CodeBuild::Project',
  'AWS::DynamoDB::Table',
  'AWS::Events::EventBus',
  'AWS::Events::Rule',
  'AWS::IAM::ManagedPolicy',
  'AWS::IAM::Policy',
  'AWS::IAM::Role',
  'AWS::KMS::Alias',
  'AWS::KMS::Key',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::Function',
  'AWS::Lambda::Permission',
  'AWS::Logs::LogGroup',
  'AWS::S3::Bucket',
  'AWS::S3::BucketPolicy',
  'AWS::SES::ConfigurationSet',
  'AWS::SES::EmailIdentity',
  'AWS::SNS::Topic',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
  'AWS::SSM::Parameter',
  'AWS::SecretsManager::Secret',
  'AWS::StepFunctions::StateMachine',
];

const world: World = {
  ...EMPTY_WORLD,
  registries: [{ name: 'dev', account: '000000000000', anonymous: 'read-write' }],
  clusters: () => [{ name: 'main', accessEntries: [] }],
  runContainer: () => {
    throw new Error('nothing runs in this test');
  },
  issuer: { people: [{ subject: '1', email: 'ada@example.com', name: 'Ada' }], clientId: 'client', audience: 'api' },
};
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'services-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('provisions every promised type, and serves every scope once', async () => {
  const data = openDataFolder(join(folder, 'data'));
  const kernel = new Kernel({
    data,
    place: { region: 'eu-central-1', account: '000000000000', partition: 'aws' },
    timeScale: 1,
    log: () => {},
  });
  const { origin } = await kernel.listeners.open('aws');
  const authority = await openCertificateAuthority(data.folder('certificate-authority'));
  const made = await createServices(kernel, { aws: origin, api: origin, apiPort: 0, authority, world });
  kernel.mount(made.all);
  expect(TYPES.filter((type) => !kernel.provider(type))).toEqual([]);
  const scopes = [
    'codebuild',
    'dynamodb',
    'ecr',
    'eks',
    'events',
    'kms',
    'lambda',
    's3',
    'secretsmanager',
    'ses',
    'sqs',
    'ssm',
    'states',
    'sts',
  ];
  expect(scopes.filter((scope) => !kernel.gateway.serviceOf(scope))).toEqual([]);
  for (const service of made.all.reverse()) await service.close?.();
  await made.issuer?.close();
  await kernel.listeners.close();
  kernel.clock.close();
  data.release();
});

it('tells the stacks and the seed what surrounds them', async () => {
  const app = new App({ outdir: join(folder, 'cdk.out'), analyticsReporting: false });
  new Stack(app, 'empty');
  app.synth();
  let told: Surroundings | undefined;
  const cloud = await startCloud({
    assembly: join(folder, 'cdk.out'),
    dataFolder: join(folder, 'data'),
    log: () => {},
    world: {
      ...world,
      parameters: (surroundings) => {
        told = surroundings;
        return {};
      },
      seed: async ({ awsAdmin }) => ({ seededBy: awsAdmin.accessKeyId }),
    },
  });
  try {
    expect(told?.kubernetes).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(told?.issuer?.origin).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(told?.registries).toEqual({ dev: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
    expect(cloud.endpoints).toMatchObject({
      registries: told?.registries,
      kubernetes: told?.kubernetes,
      kubeconfig: expect.stringContaining('kubeconfig'),
      ca: told?.ca.file,
      apps: {},
      seededBy: (cloud.endpoints.awsAdmin as { accessKeyId: string }).accessKeyId,
    });
  } finally {
    await cloud.close();
  }
});
