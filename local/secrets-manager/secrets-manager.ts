/**
 * The local Secrets Manager: secrets with versions and stages, made by templates or by the API. Not supported, and answered as unknown
 * operations: rotation, deletion and its recovery window, replication, batch reads. Resource policies of templates are logged as without effect.
 */
import { createHash } from 'node:crypto';
import type { CloudContext, IamCheck, LocalService, ResourceProvider, ServiceRequest, ServiceResponse } from '../service.ts';
import { type GenerateOptions, generatePassword, generateSecretString } from './generate-secret.ts';
import { type Secret, Secrets, SecretsError, type SecretValue, type SecretVersion } from './secrets.ts';

type Input = Record<string, unknown>;

const TARGET = 'secretsmanager.';
const KNOWN = ['Name', 'Description', 'KmsKeyId', 'SecretString', 'GenerateSecretString', 'Tags'];

/** Opens the secrets kept under `context.folder`. */
export function createSecretsManager(context: CloudContext): LocalService {
  const secrets = new Secrets(context);
  const operations: Record<string, (input: Input) => unknown> = {
    GetSecretValue(input) {
      const secret = secrets.get(String(input.SecretId));
      return shownValue(secret, secrets.version(secret, optional(input.VersionId), optional(input.VersionStage)));
    },
    PutSecretValue(input) {
      const secret = secrets.get(String(input.SecretId));
      const stages = Array.isArray(input.VersionStages) ? input.VersionStages.map(String) : undefined;
      const version = secrets.put(secret, secretValueOf(input), optional(input.ClientRequestToken), stages);
      return { ARN: secret.ARN, Name: secret.Name, VersionId: version.id, VersionStages: version.stages };
    },
    CreateSecret(input) {
      const existing = secrets.find(String(input.Name));
      const token = optional(input.ClientRequestToken);
      const hasValue = input.SecretString !== undefined || input.SecretBinary !== undefined;
      // The SDK repeats a request whose answer was lost with the same token.
      const repeated = existing && token !== undefined && existing.versions.some((version) => version.id === token);
      const secret = repeated ? existing : secrets.create(String(input.Name ?? ''), detailsOf(input));
      const version = hasValue ? secrets.put(secret, secretValueOf(input), token) : undefined;
      return { ARN: secret.ARN, Name: secret.Name, ...(version ? { VersionId: version.id } : {}) };
    },
    DescribeSecret: (input) => described(secrets.get(String(input.SecretId))),
    ListSecrets: (input) => listed(secrets.all(), input),
    GetRandomPassword: (input) => ({ RandomPassword: generatePassword(input) }),
  };
  const provide: ResourceProvider = async ({ logicalId, properties, defaultName }) => {
    for (const name of Object.keys(properties)) {
      if (!KNOWN.includes(name)) context.log('a secret property has no effect', { resource: logicalId, property: name });
    }
    const secret =
      secrets.find(String(properties.Name ?? defaultName)) ?? secrets.create(String(properties.Name ?? defaultName), detailsOf(properties));
    Object.assign(secret, detailsOf(properties));
    const declared = hashOf([properties.SecretString, properties.GenerateSecretString]);
    if (secret.declared !== declared || secret.versions.length === 0) {
      const generate = properties.GenerateSecretString as GenerateOptions | undefined;
      // Neither of both: AWS generates a password with the default options only when the object is given, so the secret stays empty.
      const value = generate ? generateSecretString(generate) : properties.SecretString;
      secret.declared = declared;
      if (typeof value === 'string') secrets.put(secret, { SecretString: value });
    }
    secrets.save(secret);
    return { ref: secret.ARN, attributes: { Id: secret.ARN } };
  };
  const operationOf = (request: ServiceRequest) => (request.headers['x-amz-target'] ?? '').replace(TARGET, '');
  return {
    name: 'secrets-manager',
    scopes: ['secretsmanager'],
    resources: { 'AWS::SecretsManager::Secret': provide },
    operation: operationOf,
    checks: (request) => checksOf(operationOf(request), inputOf(request), secrets, context),
    async handle(request) {
      const operation = operationOf(request);
      try {
        const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
        if (run) return json(200, run(inputOf(request)));
        context.log('Secrets Manager operation is not supported', { operation });
        throw new SecretsError('UnknownOperationException', `The local Secrets Manager does not support ${operation}`);
      } catch (error) {
        if (error instanceof SecretsError) return json(400, { __type: error.code, Message: error.message });
        throw error;
      }
    },
    errorResponse: (_request, { status, code, message }) => json(status, { __type: code, Message: message }),
  };
}

function shownValue(secret: Secret, version: SecretVersion): unknown {
  return {
    ARN: secret.ARN,
    Name: secret.Name,
    VersionId: version.id,
    VersionStages: version.stages,
    CreatedDate: version.created / 1000,
    ...(version.SecretString === undefined ? { SecretBinary: version.SecretBinary } : { SecretString: version.SecretString }),
  };
}

function described({ Name, ARN, Description, KmsKeyId, Tags, created, changed, versions }: Secret): Input {
  return {
    ARN,
    Name,
    ...(Description === undefined ? {} : { Description }),
    ...(KmsKeyId === undefined ? {} : { KmsKeyId }),
    Tags,
    CreatedDate: created / 1000,
    LastChangedDate: changed / 1000,
    VersionIdsToStages: Object.fromEntries(versions.filter(({ stages }) => stages.length > 0).map(({ id, stages }) => [id, stages])),
  };
}

function listed(secrets: Secret[], input: Input): unknown {
  const filters = (Array.isArray(input.Filters) ? input.Filters : []) as { Key?: string; Values?: string[] }[];
  const matches = (secret: Secret) =>
    filters.every(({ Key, Values = [] }) => {
      const value = Key === 'name' ? secret.Name : Key === 'description' ? (secret.Description ?? '') : undefined;
      if (value === undefined) throw new SecretsError('InvalidParameterException', `The filter ${Key} is not supported.`);
      return Values.some((wanted) => value.startsWith(wanted));
    });
  const after = typeof input.NextToken === 'string' ? Buffer.from(input.NextToken, 'base64').toString() : '';
  const found = secrets.filter((secret) => secret.Name > after && matches(secret));
  const page = found.slice(0, Math.min(100, Number(input.MaxResults ?? 100)));
  const last = page.at(-1);
  return {
    SecretList: page.map((secret) => {
      const { VersionIdsToStages, ...rest } = described(secret);
      return { ...rest, SecretVersionsToStages: VersionIdsToStages };
    }),
    ...(last && found.length > page.length ? { NextToken: Buffer.from(last.Name).toString('base64') } : {}),
  };
}

/** The resource is the secret's whole ARN also when the caller names it otherwise; an unknown one gets the ARN that it would begin with. */
function checksOf(operation: string, input: Input, secrets: Secrets, { region, account }: CloudContext): IamCheck[] {
  const action = `secretsmanager:${operation}`;
  if (operation === 'ListSecrets' || operation === 'GetRandomPassword') return [{ action, resource: '*' }];
  const prefix = `arn:aws:secretsmanager:${region}:${account}:secret:`;
  if (operation === 'CreateSecret') {
    const name = String(input.Name ?? '');
    return [{ action, resource: `${prefix}${name}-??????`, context: { 'secretsmanager:Name': name } }];
  }
  const id = String(input.SecretId ?? '');
  const resource = secrets.find(id)?.ARN ?? (id.startsWith('arn:') ? id : `${prefix}${id}-??????`);
  const stage = operation === 'GetSecretValue' ? String(input.VersionStage ?? 'AWSCURRENT') : undefined;
  return [
    { action, resource, context: { 'secretsmanager:SecretId': resource, ...(stage ? { 'secretsmanager:VersionStage': stage } : {}) } },
  ];
}

function detailsOf(input: Input): Pick<Secret, 'Description' | 'KmsKeyId' | 'Tags'> {
  return {
    ...(input.Description === undefined ? {} : { Description: String(input.Description) }),
    ...(input.KmsKeyId === undefined ? {} : { KmsKeyId: String(input.KmsKeyId) }),
    Tags: (Array.isArray(input.Tags) ? input.Tags : []).map((tag: Input) => ({ Key: String(tag.Key), Value: String(tag.Value) })),
  };
}

function secretValueOf(input: Input): SecretValue {
  return {
    ...(typeof input.SecretString === 'string' ? { SecretString: input.SecretString } : {}),
    ...(typeof input.SecretBinary === 'string' ? { SecretBinary: input.SecretBinary } : {}),
  };
}

const optional = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const hashOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

const json = (status: number, body: unknown): ServiceResponse => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: JSON.stringify(body),
});

/** A body that is no object counts as empty: the operation then misses what it needs. */
function inputOf(request: ServiceRequest): Input {
  try {
    const input: unknown = JSON.parse(request.body.toString() || '{}');
    return typeof input === 'object' && input !== null && !Array.isArray(input) ? (input as Input) : {};
  } catch {
    return {};
  }
}
