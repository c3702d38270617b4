/** Makes the services of the local cloud and tells each how to reach the others. */
import type { CertificateAuthority } from './certificate-authority.ts';
import { createCloudWatch } from './cloudwatch/cloudwatch.ts';
import { createCodeBuild } from './codebuild/codebuild.ts';
import { createDynamoDb } from './dynamodb/dynamodb.ts';
import { createEcr } from './ecr/ecr.ts';
import { createEks, type Eks } from './eks/eks.ts';
import { createEventBridge } from './eventbridge/eventbridge.ts';
import { createHttpApi } from './http-api/http-api.ts';
import { callJson, callQuery } from './internal-call.ts';
import { createIssuer, type Issuer } from './issuer/issuer.ts';
import type { Kernel } from './kernel.ts';
import { createKms } from './kms/kms.ts';
import { createLambda } from './lambda/lambda.ts';
import { createLogs } from './logs/logs.ts';
import { createS3 } from './s3/s3.ts';
import { createSecretsManager } from './secrets-manager/secrets-manager.ts';
import type { LocalService } from './service.ts';
import { createSes } from './ses/ses.ts';
import { createSns } from './sns/sns.ts';
import { createSqs } from './sqs/sqs.ts';
import { createSsm } from './ssm/ssm.ts';
import { createStepFunctions } from './step-functions/step-functions.ts';
import { createSts } from './sts/sts.ts';
import type { World } from './world.ts';

export interface ServicesOptions {
  /** Origin of the gateway, which functions call. */
  aws: string;
  /** Origin of the HTTP API, to which people return from signing in. */
  api: string;
  /** Wanted port of the HTTP API. */
  apiPort: number;
  authority: CertificateAuthority;
  world: World;
}

export interface Services {
  /** In the order in which they start; they close in the reverse order. */
  all: LocalService[];
  /** Origin of the mail inbox. */
  mail: string;
  /** `127.0.0.1:PORT` by registry name. */
  registries: Record<string, string>;
  /** Absent without clusters. */
  eks: Eks | undefined;
  /** Absent without people. */
  issuer: Issuer | undefined;
}

export async function createServices(kernel: Kernel, options: ServicesOptions): Promise<Services> {
  const context = (name: string) => kernel.context(name);
  const dynamodb = await createDynamoDb(context('dynamodb'));
  const sqs = await createSqs(context('sqs'), { endpoint: () => options.aws });
  const sns = createSns(context('sns'));
  const stepFunctions = await createStepFunctions(context('step-functions'));

  const publishToTopic = async (arn: string, body: string): Promise<void> => {
    await callQuery(sns, { Action: 'Publish', TopicArn: arn, Message: body });
  };
  const lambda = await createLambda(context('lambda'), {
    endpoint: () => options.aws,
    certificate: options.authority.certificate,
    streams: dynamodb,
    destinations: async (arn, message) => {
      const kind = arn.split(':')[2];
      if (kind === 'sqs') await sqs.deliver(arn, message);
      else if (kind === 'sns') await publishToTopic(arn, JSON.stringify(message));
      else if (kind === 'lambda') await lambda.invoke(arn, message, { asynchronous: true });
      else throw new Error(`the local cloud delivers to queues, topics and functions only, not to ${arn}`);
    },
  });
  const ses = await createSes(context('ses'));
  // Without a registry there is no ECR: its credential scope is then answered as unknown.
  const ecr =
    options.world.registries.length > 0 ? await createEcr(context('ecr'), { registries: [...options.world.registries] }) : undefined;
  const eks = await createClusters(kernel, options, { ...ecr?.origins });
  const permitted = (functionArn: string, principal: string, sourceArn: string): boolean =>
    lambda.permitted(functionArn, principal, sourceArn);
  const eventBridge = createEventBridge(
    context('eventbridge'),
    {
      invokeLambda: async (arn, event) => {
        await lambda.invoke(arn, event, { asynchronous: true });
      },
      sendToQueue: (arn, body) => sqs.deliver(arn, body),
      publishToTopic,
      startExecution: async (arn, input) => {
        await callJson(stepFunctions, 'AWSStepFunctions.StartExecution', { stateMachineArn: arn, input });
      },
    },
    { permitted },
  );
  kernel.connect({
    invoke: (functionArn, payload, invokeOptions) => lambda.invoke(functionArn, payload, invokeOptions),
    emit: (event) => eventBridge.emit(event),
  });
  const httpApi = createHttpApi(context('http-api'), {
    port: options.apiPort,
    invoke: (functionArn, payload, invokeOptions) => lambda.invoke(functionArn, payload, invokeOptions),
    permitted,
  });
  const all = [
    createLogs(context('logs')),
    createCloudWatch(context('cloudwatch')),
    createSsm(context('ssm')),
    createSecretsManager(context('secrets-manager')),
    await createS3(context('s3')),
    await createKms(context('kms')),
    await createSts(context('sts')),
    ses,
    ...(ecr ? [ecr] : []),
    ...(eks ? [eks] : []),
    createCodeBuild(context('codebuild'), { endpoint: () => options.aws }),
    sqs,
    sns,
    lambda,
    dynamodb,
    eventBridge,
    stepFunctions,
    httpApi,
  ];
  return { all, mail: ses.mailOrigin, registries: { ...ecr?.origins }, eks, issuer: await openIssuer(kernel, options) };
}

/** Without a cluster there is no EKS: its credential scope is then answered as unknown. */
async function createClusters(kernel: Kernel, options: ServicesOptions, registries: Record<string, string>): Promise<Eks | undefined> {
  const { world, authority, aws } = options;
  const clusters = world.clusters({ region: world.region, account: world.account, registries });
  if (clusters.length === 0) return undefined;
  if (!world.runContainer) throw new Error('the world has clusters, but nothing that runs their containers');
  const certificates = new Map<string, { key: string; cert: string }>();
  for (const { name } of clusters) certificates.set(name, await authority.issue(`kubernetes-${name}`));
  return createEks(kernel.context('eks'), {
    clusters,
    tls: (name) => certificates.get(name)!,
    certificate: authority.certificate,
    stsOrigin: () => aws,
    runContainer: world.runContainer,
  });
}

async function openIssuer(kernel: Kernel, { world, authority, api }: ServicesOptions): Promise<Issuer | undefined> {
  if (!world.issuer) return undefined;
  const tls = await authority.issue('issuer');
  return createIssuer(kernel.context('issuer'), { ...world.issuer, tls, redirectOrigins: () => [api] });
}
