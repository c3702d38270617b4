import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { App, CfnOutput, CfnParameter, Duration, Stack } from 'aws-cdk-lib';
import { HttpApi, HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { AttributeType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CloudOptions, type StartedCloud, startCloud } from '../../local/cloud.ts';
import { EMPTY_WORLD } from '../../local/world.ts';

/** Writes the path that was asked for, and answers what was there before: it shows bundle, environment, credentials and IAM at work. */
const SOURCE = `
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
const client = new DynamoDBClient({});
export const handler = async (event) => {
  const put = new PutItemCommand({
    TableName: process.env.TABLE,
    Item: { pk: { S: event.rawPath }, greeting: { S: process.env.GREETING } },
    ReturnValues: 'ALL_OLD',
  });
  try {
    const { Attributes } = await client.send(put);
    return { statusCode: 200, body: JSON.stringify({ before: Attributes?.greeting?.S ?? null }) };
  } catch (error) {
    return { statusCode: 502, body: JSON.stringify({ name: error.name, message: error.message }) };
  }
};
`;

let folder: string;
let cloud: StartedCloud | undefined;
let logged: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cloud-'));
  const entry = join(folder, 'handler.mjs');
  writeFileSync(entry, SOURCE);
  mkdirSync(join(folder, 'code'));
  await build({
    entryPoints: [entry],
    outfile: join(folder, 'code', 'index.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    nodePaths: [join(import.meta.dirname, '../../node_modules')],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  logged = [];
});

afterEach(async () => {
  await cloud?.close();
  cloud = undefined;
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

function synthesize(options: { grant?: boolean; wrongTrust?: boolean } = {}): void {
  const app = new App({ outdir: join(folder, 'cdk.out'), analyticsReporting: false });
  const state = new Stack(app, 'state');
  const control = new Stack(app, 'control');
  const greeting = new CfnParameter(control, 'Greeting');
  const table = new Table(state, 'Table', { partitionKey: { name: 'pk', type: AttributeType.STRING }, tableName: 'greetings' });
  const handler = new LambdaFunction(control, 'Handler', {
    functionName: 'greet',
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromAsset(join(folder, 'code')),
    timeout: Duration.seconds(20),
    environment: { TABLE: table.tableName, GREETING: greeting.valueAsString },
    ...(options.wrongTrust ? { role: new Role(control, 'Role', { assumedBy: new ServicePrincipal('states.amazonaws.com') }) } : {}),
  });
  if (options.grant !== false) handler.addToRolePolicy(new PolicyStatement({ actions: ['dynamodb:PutItem'], resources: [table.tableArn] }));
  const api = new HttpApi(control, 'Api');
  api.addRoutes({ path: '/{name}', methods: [HttpMethod.GET], integration: new HttpLambdaIntegration('Integration', handler) });
  new CfnOutput(control, 'Url', { value: api.apiEndpoint });
  app.synth();
}

async function start(options: Partial<CloudOptions> = {}): Promise<StartedCloud> {
  cloud = await startCloud({
    assembly: join(folder, 'cdk.out'),
    dataFolder: join(folder, 'data'),
    world: { ...EMPTY_WORLD, parameters: ({ api }) => ({ Greeting: `hello from ${api}` }) },
    log: (message) => logged.push(message),
    ...options,
  });
  return cloud;
}

const get = async (path: string) => {
  const response = await fetch(`${cloud!.endpoints.api}${path}`);
  return { status: response.status, body: await response.json() };
};

/** Starts the cloud in a process of its own; answers the origin of its API. */
async function startProcess(): Promise<{ child: ChildProcess; api: string }> {
  const script = join(import.meta.dirname, 'run-cloud.ts');
  const args = ['--import', 'tsx', script, join(folder, 'cdk.out'), join(folder, 'data')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const api = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (text) => resolve(String(text).trim()));
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)));
  });
  return { child, api };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill(signal);
  return ended;
}

describe('the local cloud', () => {
  it('loses nothing acknowledged when it is killed, and starts again over what is left', async () => {
    synthesize();
    const { child, api } = await startProcess();
    expect((await fetch(`${api}/kill`)).status).toBe(200);
    await end(child, 'SIGKILL');
    const again = await start();
    expect(again.endpoints.api).toBe(api);
    expect(await get('/kill')).toEqual({ status: 200, body: { before: 'hello' } });
  });

  it('stops on SIGTERM and gives the data folder free', async () => {
    synthesize();
    const { child, api } = await startProcess();
    expect((await fetch(`${api}/stop`)).status).toBe(200);
    expect(await end(child, 'SIGTERM')).toBe(0);
    await start();
  });

  it('runs a synthesized stack, and keeps state, ports and keys over a restart', async () => {
    synthesize();
    const first = await start();
    expect(await get('/ada')).toEqual({ status: 200, body: { before: null } });
    expect(await get('/ada')).toEqual({ status: 200, body: { before: `hello from ${first.endpoints.api}` } });
    const file = join(folder, 'data', 'endpoints.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ ...first.endpoints, pid: process.pid });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await first.close();
    const second = await start();
    expect(second.endpoints).toEqual(first.endpoints);
    expect(await get('/ada')).toMatchObject({ status: 200, body: { before: expect.stringContaining('hello') } });
    const { aws, awsAdmin } = second.endpoints as { aws: string; awsAdmin: { accessKeyId: string; secretAccessKey: string } };
    const client = new DynamoDBClient({ endpoint: aws, region: 'eu-central-1', credentials: awsAdmin });
    const { Item } = await client.send(new GetItemCommand({ TableName: 'greetings', Key: { pk: { S: '/ada' } } }));
    expect(Item?.greeting?.S).toContain('hello');
    const calls = (await (await fetch(`${aws}/_local/calls`)).json()) as { function: string; operation: string; decision: string }[];
    expect(calls).toContainEqual(expect.objectContaining({ function: 'greet', operation: 'PutItem', decision: 'allowed' }));
  });

  it('refuses a function what its synthesized role does not allow', async () => {
    synthesize({ grant: false });
    const printed = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    await start();
    expect(await get('/ada')).toEqual({
      status: 502,
      body: {
        name: 'AccessDeniedException',
        message: expect.stringMatching(/assumed-role\/.*\/greet is not authorized to perform: dynamodb:PutItem/),
      },
    });
    const lines = printed.mock.calls.map(([text]) => String(text)).filter((text) => text.startsWith('denied'));
    expect(lines).toEqual([expect.stringMatching(/^denied: greet may not dynamodb:PutItem on arn:aws:dynamodb:.*:table\/greetings/)]);
  });

  it('does not start with a role that Lambda cannot assume', async () => {
    synthesize({ wrongTrust: true });
    await expect(start()).rejects.toThrow(
      /AWS::Lambda::Function Handler\w+ of stack control: .* cannot be assumed by lambda.amazonaws.com/,
    );
    synthesize();
    await start();
  });

  it('does not start twice on one data folder', async () => {
    synthesize();
    await start();
    await expect(startCloud({ assembly: folder, dataFolder: join(folder, 'data'), world: EMPTY_WORLD })).rejects.toMatchObject({
      exitCode: 6,
    });
    expect((await get('/ada')).status).toBe(200);
  });
});
