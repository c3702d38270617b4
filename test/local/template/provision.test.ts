// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are Fn::Sub templates
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Aws, CfnCondition, CfnOutput, CfnParameter, CfnResource, Fn, Stack } from 'aws-cdk-lib';
import { AttributeType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { DefinitionBody, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ResourceProvider, ResourceRequest } from '../../../local/service.ts';
import { readAssembly } from '../../../local/template/assembly.ts';
import { type ProvisionedStack, provisionStacks } from '../../../local/template/provision.ts';

const place = { region: 'eu-central-1', account: '000000000000', partition: 'aws' };
let folder: string;
let app: App;
let made: ResourceRequest[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'template-'));
  app = new App({ outdir: join(folder, 'cdk.out'), analyticsReporting: false });
  made = [];
});

afterEach(() => rmSync(folder, { recursive: true }));

const record: ResourceProvider = async (request) => {
  made.push(request);
  const name = request.defaultName;
  return { ref: name, attributes: { Arn: `arn:aws:test:::${name}`, 'Nested.Part': `part-of-${name}` } };
};

async function provision(options: { parameters?: Record<string, string>; without?: string } = {}): Promise<ProvisionedStack[]> {
  app.synth();
  return provisionStacks({
    assembly: readAssembly(join(folder, 'cdk.out'), place),
    place,
    parameters: options.parameters ?? {},
    provider: (type) => (type === options.without ? undefined : record),
  });
}

/** A stack of raw resources, for what the constructs of CDK do not write. */
function raw(name: string, resources: Record<string, { type?: string; properties?: Record<string, unknown> }>): Stack {
  const stack = new Stack(app, name);
  for (const [id, { type = 'Test::Any::Thing', properties = {} }] of Object.entries(resources))
    new CfnResource(stack, id, { type, properties });
  return stack;
}

const propertiesOf = (logicalId: string): Record<string, unknown> => made.find((request) => request.logicalId === logicalId)!.properties;

describe('stacks from CDK constructs', () => {
  it('are provisioned in dependency order, with exports, parameters and assets', async () => {
    const code = join(folder, 'code');
    mkdirSync(code);
    writeFileSync(join(code, 'index.mjs'), 'export const handler = () => 1;');
    const definition = join(folder, 'machine.asl.json');
    writeFileSync(definition, '{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}');
    const state = new Stack(app, 'state');
    const control = new Stack(app, 'control');
    const origin = new CfnParameter(control, 'Origin', { default: 'http://default' });
    const table = new Table(state, 'Table', { partitionKey: { name: 'pk', type: AttributeType.STRING } });
    const handler = new LambdaFunction(control, 'Handler', {
      runtime: Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: Code.fromAsset(code),
      environment: { TABLE: table.tableName, ORIGIN: origin.valueAsString },
    });
    table.grantReadData(handler);
    new StateMachine(control, 'Machine', {
      definitionBody: DefinitionBody.fromFile(definition),
      definitionSubstitutions: { handler: handler.functionArn },
    });

    const stacks = await provision({ parameters: { Origin: 'http://127.0.0.1:1' } });

    expect(stacks.map(({ name }) => name)).toEqual(['state', 'control']);
    const types = made.map(({ type }) => type);
    expect(types[0]).toBe('AWS::DynamoDB::Table');
    expect(types.indexOf('AWS::IAM::Policy')).toBeLessThan(types.indexOf('AWS::Lambda::Function'));
    const lambda = made.find(({ type }) => type === 'AWS::Lambda::Function')!;
    expect(lambda.properties.Environment).toEqual({
      Variables: { TABLE: made[0]!.defaultName, ORIGIN: 'http://127.0.0.1:1' },
    });
    const { S3Bucket: bucket, S3Key: key } = lambda.properties.Code as { S3Bucket: string; S3Key: string };
    expect(readFileSync(join(lambda.asset(bucket, key)!, 'index.mjs'), 'utf8')).toContain('handler');
    const machine = made.find(({ type }) => type === 'AWS::StepFunctions::StateMachine')!;
    const location = machine.properties.DefinitionS3Location as { Bucket: string; Key: string };
    expect(readFileSync(machine.asset(location.Bucket, location.Key)!, 'utf8')).toContain('StartAt');
    expect(machine.properties.DefinitionSubstitutions).toEqual({ handler: `arn:aws:test:::${lambda.defaultName}` });
    expect(machine.asset('other-bucket', location.Key)).toBeUndefined();
    const policy = made.find(({ type }) => type === 'AWS::IAM::Policy')!.properties.PolicyDocument;
    expect(JSON.stringify(policy)).toContain(`arn:aws:test:::${made[0]!.defaultName}`);
    expect(made.find(({ type }) => type === 'AWS::IAM::Role')!.properties.ManagedPolicyArns).toEqual([
      'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole',
    ]);
  });

  it('keep their default names, of at most 64 characters', async () => {
    raw('a-stack-with-a-rather-long-name', {
      AResourceWhoseLogicalIdIsAlsoRatherLongIndeed1: {},
      AResourceWhoseLogicalIdIsAlsoRatherLongIndeed2: {},
    });
    await provision();
    const first = made.map(({ defaultName }) => defaultName);
    expect(new Set(first).size).toBe(2);
    for (const name of first) expect(name.length).toBeLessThanOrEqual(64);
    made = [];
    await provisionStacks({
      assembly: readAssembly(join(folder, 'cdk.out'), place),
      place,
      parameters: {},
      provider: () => record,
    });
    expect(made.map(({ defaultName }) => defaultName)).toEqual(first);
  });
});

describe('intrinsic functions', () => {
  it('yield plain values', async () => {
    const stack = raw('s', {
      Source: {},
      Target: {
        properties: {
          Ref: 'a property that is only named Ref',
          Region: Aws.REGION,
          StackName: { 'Fn::Sub': '${AWS::StackName}-${AWS::AccountId}-${AWS::Partition}-${AWS::URLSuffix}' },
          Attribute: Fn.getAtt('Source', 'Arn').toString(),
          Nested: { 'Fn::GetAtt': ['Source', 'Nested.Part'] },
          Dotted: { 'Fn::GetAtt': 'Source.Nested.Part' },
          Sub: { 'Fn::Sub': ['${Source}/${Source.Arn}/${own}/${!Literal}', { own: { Ref: 'Source' } }] },
          Join: { 'Fn::Join': ['-', ['a', { Ref: 'Source' }, 1]] },
          Select: { 'Fn::Select': ['1', { 'Fn::Split': [',', 'a,b,c'] }] },
          Zones: { 'Fn::GetAZs': '' },
          Base64: { 'Fn::Base64': 'x' },
          Map: { 'Fn::FindInMap': ['Sizes', { Ref: 'AWS::Region' }, 'size'] },
          Gone: { Ref: 'AWS::NoValue' },
          List: ['a', { Ref: 'AWS::NoValue' }, { 'Fn::If': ['Never', 'b', { Ref: 'AWS::NoValue' }] }],
          Statement: { Condition: { StringEquals: { a: 'b' } } },
        },
      },
    });
    new CfnCondition(stack, 'Never', { expression: Fn.conditionEquals('a', 'b') });
    app.synth();
    const file = join(folder, 'cdk.out', 's.template.json');
    const template = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify({ ...template, Mappings: { Sizes: { 'eu-central-1': { size: 'L' } } } }));
    await provisionStacks({ assembly: readAssembly(join(folder, 'cdk.out'), place), place, parameters: {}, provider: () => record });
    expect(propertiesOf('Target')).toEqual({
      Ref: 'a property that is only named Ref',
      Region: 'eu-central-1',
      StackName: 's-000000000000-aws-amazonaws.com',
      Attribute: 'arn:aws:test:::s-Source',
      Nested: 'part-of-s-Source',
      Dotted: 'part-of-s-Source',
      Sub: 's-Source/arn:aws:test:::s-Source/s-Source/${Literal}',
      Join: 'a-s-Source-1',
      Select: 'b',
      Zones: ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'],
      Base64: 'eA==',
      Map: 'L',
      List: ['a'],
      Statement: { Condition: { StringEquals: { a: 'b' } } },
    });
  });

  it('choose by conditions, which also decide what exists', async () => {
    const stack = new Stack(app, 's');
    const mode = new CfnParameter(stack, 'Mode', { allowedValues: ['on', 'off'], default: 'off' });
    const on = new CfnCondition(stack, 'On', { expression: Fn.conditionEquals(mode.valueAsString, 'on') });
    const both = new CfnCondition(stack, 'Both', { expression: Fn.conditionAnd(on, Fn.conditionNot(Fn.conditionEquals('x', 'y'))) });
    const optional = new CfnResource(stack, 'Optional', { type: 'Test::Any::Thing' });
    optional.cfnOptions.condition = both;
    new CfnResource(stack, 'Always', { type: 'Test::Any::Thing', properties: { Value: Fn.conditionIf('On', optional.ref, 'none') } });
    const [off] = [await provision()];
    expect(off).toHaveLength(1);
    expect(made.map(({ logicalId }) => logicalId)).toEqual(['Always']);
    expect(propertiesOf('Always')).toEqual({ Value: 'none' });
    made = [];
    await provision({ parameters: { Mode: 'on' } });
    expect(made.map(({ logicalId }) => logicalId)).toEqual(['Optional', 'Always']);
    expect(propertiesOf('Always')).toEqual({ Value: 's-Optional' });
    await expect(provision({ parameters: { Mode: 'maybe' } })).rejects.toThrow('parameter Mode of stack s: "maybe" is not one of on, off');
  });

  it('give lists of list parameters, and outputs', async () => {
    const stack = new Stack(app, 's');
    const names = new CfnParameter(stack, 'Names', { type: 'CommaDelimitedList', default: 'a, b' });
    new CfnResource(stack, 'Thing', { type: 'Test::Any::Thing', properties: { Names: names.valueAsList } });
    new CfnOutput(stack, 'Out', { value: Fn.select(1, names.valueAsList) });
    const [provisioned] = await provision();
    expect(propertiesOf('Thing')).toEqual({ Names: ['a', 'b'] });
    expect(provisioned!.outputs).toEqual({ Out: 'b' });
  });
});

describe('the start stops', () => {
  it('at a type that no service provisions, before anything is made', async () => {
    raw('s', { Known: {}, Odd: { type: 'AWS::Neptune::Graph' } });
    await expect(provision({ without: 'AWS::Neptune::Graph' })).rejects.toThrow('AWS::Neptune::Graph (Odd in stack s)');
    expect(made).toEqual([]);
  });

  it('at a parameter without a value', async () => {
    const stack = new Stack(app, 's');
    const needed = new CfnParameter(stack, 'Needed');
    new CfnResource(stack, 'Thing', { type: 'Test::Any::Thing', properties: { Value: needed.valueAsString } });
    await expect(provision()).rejects.toThrow('parameter Needed of stack s has no value and no default');
  });

  it('at a circle', async () => {
    raw('s', { A: { properties: { Value: { 'Fn::Sub': '${B.Arn}' } } }, B: { properties: { Value: { Ref: 'A' } } } });
    await expect(provision()).rejects.toThrow('A -> B -> A');
  });

  it.each([
    [{ 'Fn::Cidr': ['10.0.0.0/16', 1, 8] }, 'Fn::Cidr is not supported'],
    ['{{resolve:ssm:/name}}', 'the dynamic reference {{resolve:ssm:…}} is not supported'],
    [{ 'Fn::GetAtt': ['Other', 'Missing'] }, 'no attribute Missing of Other (Test::Any::Thing)'],
    [{ 'Fn::ImportValue': 'nowhere' }, 'no stack exports nowhere'],
    [{ 'Fn::Select': [3, ['a']] }, 'no item 3'],
    [{ Ref: 'Nothing' }, 'Nothing is neither a parameter nor a resource'],
  ])('at %j, naming the resource', async (value, message) => {
    raw('s', { Other: {}, Thing: { properties: { Value: value } } });
    await expect(provision()).rejects.toThrow(`Test::Any::Thing Thing of stack s`);
    await expect(provision()).rejects.toThrow(message);
  });

  it('when a service refuses a resource, naming it', async () => {
    raw('s', { Thing: {} });
    app.synth();
    const provider: ResourceProvider = async () => {
      throw new Error('no room');
    };
    const assembly = readAssembly(join(folder, 'cdk.out'), place);
    await expect(provisionStacks({ assembly, place, parameters: {}, provider: () => provider })).rejects.toThrow(
      'Test::Any::Thing Thing of stack s: no room',
    );
  });
});
