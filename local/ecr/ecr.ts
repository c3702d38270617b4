/**
 * ECR over OCI registries: each registry is an AWS account of its own with its own port. Repositories come into being by a push, as with ECR's
 * creation templates. Not covered: replication, pull-through caches, registry policies, signing, archiving; lifecycle policies are kept, not run;
 * blobs that no image names any more stay until their repository or the blob itself is deleted.
 */
import { join } from 'node:path';
import type { Anonymous } from '../registry/registry-access.ts';
import { openRegistry, type Registry } from '../registry/registry-server.ts';
import type { RepositorySettings } from '../registry/repository.ts';
import { problemOfRule, type TagMutability } from '../registry/tag-immutability.ts';
import type { CloudContext, IamCheck, LocalService, ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';
import { authorizationOperations } from './authorization.ts';
import { AuthorizationTokens } from './authorization-tokens.ts';
import { deleteOperations } from './delete-images.ts';
import { serveDownload } from './download-url.ts';
import { asEcrError, EcrError } from './ecr-error.ts';
import { imageOperations } from './images.ts';
import { layerOperations } from './layers.ts';
import type { EcrState, Operation } from './operation.ts';
import { plantFindings, servePlanting } from './plant-findings.ts';
import { repositoryProvider } from './provision-repository.ts';
import { type CreationTemplates, templateFor, templateProvider } from './provision-template.ts';
import { repositoryOperations } from './repositories.ts';
import { type Finding, scanOperations } from './scan-findings.ts';
import { trustedRolePolicy } from './trusted-role-policy.ts';

export interface EcrRegistryOptions {
  /** E.g. `dev`; its listener is `registry-dev`. */
  name: string;
  /** 12 digits. The first registry of the list serves callers that name none. */
  account: string;
  anonymous: Anonymous;
  /** Role ARN with wildcards: new repositories get a policy that lets these roles copy into them. */
  trustedRolePattern?: string;
  /** Tag rule of repositories that are created by a push. Default MUTABLE. */
  tagMutability?: TagMutability;
  /** Wildcard filters of that rule, e.g. `latest-*`. */
  tagExclusions?: string[];
  /** False: no referrers API. Default true. */
  referrers?: boolean;
  /** True: ECR's deviations in uploads and mounts. Default false. */
  ecrUploads?: boolean;
}

export interface Ecr extends LocalService {
  /** Registry name → `127.0.0.1:PORT`. */
  readonly origins: Readonly<Record<string, string>>;
  /** `image` is a digest or tag; throws when the account or the image is unknown. */
  plantFindings(account: string, repository: string, image: string, findings: Finding[]): Promise<void>;
  close(): Promise<void>;
}

const TARGET = 'AmazonEC2ContainerRegistry_V20150921.';
const OPERATIONS: Record<string, Operation> = {
  ...authorizationOperations,
  ...repositoryOperations,
  ...imageOperations,
  ...deleteOperations,
  ...layerOperations,
  ...scanOperations,
};

export async function createEcr(context: CloudContext, options: { registries: EcrRegistryOptions[] }): Promise<Ecr> {
  const tokens = new AuthorizationTokens(context.folder, context.clock);
  const settings = new Map(options.registries.map((registry) => [registry.name, templateOf(registry)]));
  const templates: CreationTemplates = new Map();
  const newRepository = ({ name }: { name: string }, repository?: string) => ({
    ...settings.get(name)!,
    ...(repository === undefined ? {} : templateFor(templates, name, repository)),
    createdAt: context.clock.now(),
  });
  const registries: Registry[] = [];
  for (const declared of options.registries)
    registries.push(await open(context, tokens, declared, (repository) => newRepository(declared, repository)));
  const home = registries[0];
  if (!home) throw new Error('ECR needs at least one registry');
  const state: EcrState = { context, tokens, registries, home, newRepository };
  return {
    name: 'ecr',
    scopes: ['ecr'],
    resources: {
      'AWS::ECR::Repository': repositoryProvider(state),
      'AWS::ECR::RepositoryCreationTemplate': templateProvider(state, templates),
    },
    origins: Object.fromEntries(registries.map((registry) => [registry.name, registry.address])),
    operation: operationOf,
    checks: (request) => checksOf(state, request),
    handle: (request) => handle(state, request),
    errorResponse: (_request, error) => errorResponse(error),
    resourcePolicy(arn) {
      const [, account, name = ''] = /^arn:aws:ecr:[^:]*:(\d{12}):repository\/(.+)$/.exec(arn) ?? [];
      const registry = registries.find((other) => other.account === account);
      if (!registry) return undefined;
      // A repository that does not exist yet will have the policy of its template.
      return (registry.store.repositories.get(name)?.settings ?? newRepository(registry)).policy;
    },
    async plantFindings(account, repository, image, findings) {
      await plantFindings(registryOf(state, account).store, repository, image, findings);
    },
    async close() {
      await Promise.all(registries.map((registry) => registry.close()));
    },
  };
}

async function open(
  context: CloudContext,
  tokens: AuthorizationTokens,
  declared: EcrRegistryOptions,
  newRepository: (repository: string) => RepositorySettings,
): Promise<Registry> {
  const registry: Registry = await openRegistry(context, {
    ...declared,
    folder: join(context.folder, declared.name),
    verifyPassword: (password) => tokens.verify(password),
    newRepository,
    local: async (message, response) =>
      (await serveDownload(registry, tokens, context.clock, message, response)) || (await servePlanting(registry.store, message, response)),
  });
  return registry;
}

function templateOf({ name, trustedRolePattern, tagMutability, tagExclusions }: EcrRegistryOptions): RepositorySettings {
  const exclusions = (tagExclusions ?? []).map((filter) => ({ filterType: 'WILDCARD' as const, filter }));
  const rule = { mutability: tagMutability ?? 'MUTABLE', exclusions };
  const problem = problemOfRule(rule);
  if (problem) throw new Error(`registry ${name}: ${problem}`);
  return { createdAt: 0, ...rule, ...(trustedRolePattern && { policy: trustedRolePolicy(trustedRolePattern) }) };
}

function operationOf(request: ServiceRequest): string {
  const target = request.headers['x-amz-target'] ?? '';
  return target.startsWith(TARGET) ? target.slice(TARGET.length) : target;
}

/**
 * `ecr:<Operation>` on the repositories that the request names. A request that cannot be read names them all and fails in `handle`, as does an operation
 * that is not supported, which therefore needs nothing.
 */
function checksOf(state: EcrState, request: ServiceRequest): IamCheck[] {
  const name = operationOf(request);
  const declared = OPERATIONS[name];
  if (!declared) return [];
  const action = declared.action ?? `ecr:${name}`;
  const input = readInput(request) ?? {};
  if (declared.scope !== 'repository') return [{ action, resource: '*' }];
  if (typeof input.resourceArn === 'string') return [{ action, resource: input.resourceArn }];
  const account = typeof input.registryId === 'string' ? input.registryId : state.home.account;
  const names =
    Array.isArray(input.repositoryNames) && input.repositoryNames.length > 0 ? input.repositoryNames : [input.repositoryName ?? '*'];
  return names.map((repository) => ({
    action,
    resource: `arn:aws:ecr:${state.context.region}:${account}:repository/${String(repository)}`,
  }));
}

async function handle(state: EcrState, request: ServiceRequest): Promise<ServiceResponse> {
  const name = operationOf(request);
  try {
    const declared = OPERATIONS[name];
    if (!declared) {
      state.context.log('ECR operation is not supported', { operation: name });
      throw new EcrError('UnknownOperationException', `The operation ${name} is not supported by the local cloud`);
    }
    const input = readInput(request);
    if (!input) throw new EcrError('SerializationException', 'The request body is not a JSON object');
    const registry = registryOf(state, registryIdOf(input) ?? state.home.account);
    return json(200, await declared.run({ ...state, caller: request.caller, registry }, input));
  } catch (error) {
    const known = asEcrError(error);
    if (!known) throw error;
    return errorResponse(known, known.fields);
  }
}

function registryOf({ registries }: EcrState, account: string): Registry {
  const registry = registries.find((other) => other.account === account);
  if (!registry) throw new EcrError('InvalidParameterException', `Invalid parameter: there is no registry with id '${account}'`);
  return registry;
}

function registryIdOf({ registryId, resourceArn }: Record<string, unknown>): string | undefined {
  if (typeof resourceArn === 'string') return resourceArn.split(':')[4];
  return typeof registryId === 'string' ? registryId : undefined;
}

function readInput(request: ServiceRequest): Record<string, unknown> | undefined {
  try {
    const parsed = JSON.parse(request.body.toString('utf8') || '{}') as unknown;
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function errorResponse({ status, code, message }: ServiceError, fields: Record<string, unknown> = {}): ServiceResponse {
  return json(status, { __type: code, message, ...fields });
}

function json(status: number, body: object): ServiceResponse {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: JSON.stringify(body) };
}
