/** The HTTP functions over the local DynamoDB, KMS and issuer: real rows, real tokens, real MACs. Registries and gates are ports and are doubled. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { vi } from 'vitest';
import type { Configuration, PersonConfiguration } from '../../core/environment/configuration.ts';
import { readConfiguration } from '../../core/environment/configuration-file.ts';
import type { GateRunner } from '../../core/gate/ports.ts';
import type { ImageList, RegistryReader, TagRule } from '../../core/registry/ports.ts';
import { ROUTES } from '../../functions/routes.ts';
import { openCertificateAuthority } from '../../local/certificate-authority.ts';
import { createDynamoDb } from '../../local/dynamodb/dynamodb.ts';
import { proxyEvent } from '../../local/http-api/proxy-event.ts';
import { RouteTable } from '../../local/http-api/route-table.ts';
import { createIssuer } from '../../local/issuer/issuer.ts';
import { SigningKeys } from '../../local/issuer/signing-keys.ts';
import { ACCESS_TOKEN_TYPE } from '../../local/issuer/tokens.ts';
import { createKms } from '../../local/kms/kms.ts';
import { trustCertificate } from '../../local/lambda/trust-certificate.ts';
import type { LocalService, ResourceRequest, ServiceRequest } from '../../local/service.ts';
import { STATE_TABLE } from '../adapters/state/served-table.ts';
import { makeContext } from '../local/context.ts';
import { startS3 } from '../local/s3/s3-server.ts';

export const ORIGIN = 'http://127.0.0.1:4700';
export const DIGEST = `sha256:${'a'.repeat(64)}`;
export const OTHER_DIGEST = `sha256:${'b'.repeat(64)}`;
const TABLE = 'state';

export interface Answer {
  status: number;
  headers: Record<string, string>;
  cookies: string[];
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared with what is expected, not typed
  json: any;
}

export interface CallOptions {
  /** Name of a person of the configuration, or a whole Authorization header when it holds a space. */
  as?: string;
  body?: unknown;
  headers?: Record<string, string>;
  cookies?: string[];
  sourceIp?: string;
}

export interface World {
  configuration: Configuration;
  /** KMS keys of mailed links by kid; `k1` signs. */
  linkKeys: Readonly<Record<string, string>>;
  issuer: string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  token(name: string, form?: Record<string, string>): Promise<Record<string, string>>;
  /** A token with any claims, signed by the issuer itself; `type` is that of access tokens unless given. */
  sign(claims: Record<string, unknown>, type?: string): Promise<string>;
  /** What a browser gets when the person (by subject) signs in at the address of the issuer's page. */
  codeFor(address: string, subject: string): Promise<string>;
  /** Modules of the functions; loaded after the environment is set. */
  state: typeof import('../../functions/kit/state.ts');
  /** Every answer since the start, for the comparison with the OpenAPI document. */
  answers: { operation: string | undefined; answer: Answer }[];
  /** Everything that the functions have logged. */
  logged: string[];
  /** Operations of the table and of KMS that were called, in order. */
  awsCalls: string[];
  /** Read units that the table has charged for so far. */
  readUnits(): number;
  registry: {
    tags: Record<string, string>;
    /** `<registry> <digest>`, or `<registry> blob of <digest>`: what is not there any more. */
    gone: string[];
    /** Labels of images by digest; an error where they cannot be read. */
    labels: Record<string, Record<string, string> | Error>;
    /** When digests were pushed (ISO), where a registry says so. */
    pushedAt: Record<string, string>;
    /** What registries say about tags that are never to be moved. */
    rule: TagRule | undefined;
  };
  /** Reads it, for functions without a route. */
  reader: RegistryReader;
  images: ImageList;
  gates: { status: 'passed' | 'failed'; delayMs: number };
  /** Runs the sealer, which moves what is pending into the log. */
  seal(): Promise<{ sealed: number; size: number }>;
  close(): Promise<void>;
}

/** What DynamoDB says a call has cost. */
interface Capacity {
  CapacityUnits: number;
}

/** Key and certificate of a TLS server that the functions trust. */
export type IssueCertificate = (name: string) => Promise<{ key: string; cert: string }>;

/** Starts the world. `change` edits the configuration before anything reads it. */
export async function startWorld(
  change: (configuration: Configuration, issueCertificate: IssueCertificate) => void | Promise<void> = () => {},
): Promise<World> {
  const context = makeContext('dynamodb');
  const [dynamodb, kms] = [
    await createDynamoDb(context),
    await createKms({ ...context, folder: mkdtempSync(join(tmpdir(), 'greenlight-kms-')) }),
  ];
  const awsCalls: string[] = [];
  const server = await serveAws(dynamodb, kms, awsCalls);
  await declare(dynamodb, 'AWS::DynamoDB::Table', { TableName: TABLE, ...STATE_TABLE });
  const arnOfKey = async (logicalId: string) => {
    const key = await declare(kms, 'AWS::KMS::Key', { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }, logicalId);
    return key.attributes?.['Arn'] ?? key.ref;
  };
  const cookieKey = await arnOfKey('Cookie');
  const log = await startLog(kms);
  const webhookKey = await arnOfKey('Webhook');
  const linkKeys = { k1: await arnOfKey('Link'), k2: await arnOfKey('Link2') };

  const parsed = readConfiguration(readFileSync(join(import.meta.dirname, '../../greenlight.yaml'), 'utf8'));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { configuration } = parsed;
  const authority = await openCertificateAuthority(join(context.data, 'authority'));
  trustCertificate(authority.certificate);
  await change(configuration, (name) => authority.issue(name));
  const people = [...configuration.people, ...(configuration.people.some(({ subject }) => subject === robot.subject) ? [] : [robot])];
  const issuerFolder = mkdtempSync(join(tmpdir(), 'greenlight-issuer-'));
  const issuer = await createIssuer(
    { ...context, folder: issuerFolder },
    {
      tls: await authority.issue('issuer'),
      people: people.map(({ subject, email, name }) => ({ subject, email, name })),
      clientId: 'robot',
      audience: 'greenlight',
      redirectOrigins: () => [ORIGIN],
    },
  );
  configuration.issuer = issuer.origin;
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-bundle-'));
  writeFileSync(join(folder, 'greenlight.json'), JSON.stringify(configuration));
  const { openApiDocument } = await import('../../functions/openapi.ts');
  writeFileSync(join(folder, 'openapi.json'), JSON.stringify(openApiDocument()));
  // A console of no files: what is asked for is not there.
  mkdirSync(join(folder, 'console', 'assets'), { recursive: true });
  writeFileSync(join(folder, 'console', 'page.html'), '<!doctype html><title>Console</title>');
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: server.origin,
    AWS_REGION: context.region,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    LAMBDA_TASK_ROOT: folder,
    TABLE_NAME: TABLE,
    API_ORIGIN: ORIGIN,
    OIDC_ISSUER: issuer.origin,
    OIDC_AUDIENCE: 'greenlight',
    OIDC_CLIENT_ID: 'robot',
    COOKIE_KEY: cookieKey,
    WEBHOOK_KEY: webhookKey,
    LINK_KEYS: JSON.stringify(linkKeys),
    LINK_KEY_ID: 'k1',
    ...log.variables,
    ALLOWED_ORIGINS: [issuer.origin, ...configuration.ci.map((entry) => new URL(entry.issuer).origin)].join(),
  });

  const registry: World['registry'] = {
    tags: { '1.1.0': DIGEST, '1.2.0': OTHER_DIGEST },
    gone: [],
    labels: {},
    pushedAt: {},
    rule: undefined,
  };
  const gates: World['gates'] = { status: 'passed', delayMs: 0 };
  const handlers = await loadHandlers(registry, gates);
  const state = await import('../../functions/kit/state.ts');
  const routes = new RouteTable();
  for (const route of ROUTES) routes.add({ key: `${route.method} ${route.path}`, integrationId: route.group });
  routes.add({ key: '$default', integrationId: 'public' });
  const password = readFileSync(issuer.passwordFile, 'utf8').trim();
  const tokens = new Map<string, Promise<Record<string, string>>>();
  const token = async (name: string, form: Record<string, string> = {}) => {
    const { egress } = await import('../../adapters/egress.ts');
    const email = name.includes('@') ? name : `${name}@example.com`;
    const body = new URLSearchParams({ grant_type: 'password', client_id: 'robot', username: email, password, ...form }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await egress.request({ method: 'POST', url: `${issuer.origin}/token`, headers, body });
    return JSON.parse(answer.body.toString()) as Record<string, string>;
  };
  const answers: World['answers'] = [];
  const logged: string[] = [];
  for (const method of ['log', 'error'] as const) vi.spyOn(console, method).mockImplementation((line) => void logged.push(String(line)));
  let count = 0;
  return {
    configuration,
    linkKeys,
    issuer: issuer.origin,
    state,
    answers,
    logged,
    awsCalls,
    readUnits: server.readUnits,
    registry,
    reader: readerOf(registry),
    images: imagesOf(registry),
    gates,
    seal: async () => (await import('../../functions/audit/seal.job.ts')).handler(),
    token,
    sign: async (claims, type = ACCESS_TOKEN_TYPE) => (await SigningKeys.open(issuerFolder)).sign(claims, { algorithm: 'RS256', type }),
    async codeFor(address, subject) {
      const { egress } = await import('../../adapters/egress.ts');
      const { searchParams, origin } = new URL(address);
      const body = new URLSearchParams({ ...Object.fromEntries(searchParams), subject, password }).toString();
      const headers = { 'content-type': 'application/x-www-form-urlencoded', origin };
      const answer = await egress.request({ method: 'POST', url: `${origin}/authorize`, headers, body });
      return new URL(String(answer.headers.location)).searchParams.get('code')!;
    },
    async call(method, path, options = {}) {
      const [encoded = '/', rawQuery = ''] = path.split('?');
      const match = routes.match(method, encoded)!;
      const { as } = options;
      let authorization: string | undefined;
      if (as?.includes(' ')) authorization = as;
      else if (as !== undefined) {
        if (!tokens.has(as)) tokens.set(as, token(as));
        authorization = `Bearer ${(await tokens.get(as)!)['access_token']}`;
      }
      const hasBody = options.body !== undefined;
      const body = Buffer.isBuffer(options.body)
        ? options.body
        : Buffer.from(hasBody ? (typeof options.body === 'string' ? options.body : JSON.stringify(options.body)) : '');
      const headers: Record<string, string> = {
        ...(hasBody ? { 'content-type': 'application/json' } : {}),
        ...(authorization === undefined ? {} : { authorization }),
        ...options.headers,
      };
      if (headers['content-type'] === '') delete headers['content-type'];
      const place = {
        accountId: '000000000000',
        apiId: 'api',
        stage: '$default',
        requestId: `r-${++count}`,
        now: new Date(),
        sourceIp: options.sourceIp ?? '127.0.0.1',
        port: 4700,
      };
      const request = { method, path: encoded, rawQuery, headers, cookies: options.cookies ?? [], body, protocol: 'HTTP/1.1' };
      const event = proxyEvent(request as never, match, place);
      const result = (await handlers[match.route.integrationId]!(event, {} as Context)) as APIGatewayProxyStructuredResultV2;
      const text = result.body ?? '';
      const type = String(result.headers?.['content-type'] ?? '');
      const answer: Answer = {
        status: result.statusCode!,
        headers: result.headers as Record<string, string>,
        cookies: result.cookies ?? [],
        text,
        json: /json/.test(type) ? JSON.parse(text) : undefined,
      };
      answers.push({ operation: ROUTES.find((route) => `${route.method} ${route.path}` === match.route.key)?.operation, answer });
      return answer;
    },
    async close() {
      await issuer.close();
      server.close();
      await dynamodb.close?.();
      await log.close();
      await context.dispose();
    },
  };
}

/** A machine known to the configuration: at the issuer its subject is the client id, as in client credentials grants. */
const robot: Pick<PersonConfiguration, 'subject' | 'email' | 'name'> = { subject: 'robot', email: 'robot@example.com', name: 'Robot' };

type Handler = (event: unknown, context: Context) => Promise<unknown>;

/** A registry as a test says that it is. */
function readerOf(registry: World['registry']): RegistryReader {
  const tagOf = (tag: string): string | undefined => (Object.hasOwn(registry.tags, tag) ? registry.tags[tag] : undefined);
  return {
    resolve: async (_registry, _repository, version) => {
      const digest = version.startsWith('sha256:') ? version : tagOf(version);
      return digest === undefined ? undefined : { tag: version, releaseVersion: version, digest };
    },
    compare: async () => ({ complete: true, sourceRoot: DIGEST, targetRoot: DIGEST, manifests: 1, blobs: 2, missing: [] }),
    digestOf: async ({ name }, _repository, reference) => {
      if (registry.gone.includes(`${name} ${reference}`)) return undefined;
      return /^sha256:[a-f0-9]{64}$/.test(reference) ? reference : tagOf(reference);
    },
    facts: async (_registry, _repository, digest) => {
      const labels = registry.labels[digest] ?? {};
      if (labels instanceof Error) throw labels;
      return { digest, mediaType: '', labels, platforms: [], sizeBytes: 1 };
    },
    estimate: async (source, target, _repository, digest) => {
      const missing = source.name !== target.name || registry.gone.includes(`${target.name} blob of ${digest}`) ? 1 : 0;
      return { blobs: 3, bytes: 3_000, missingBlobs: missing, missingBytes: missing * 1_000 };
    },
  };
}

/** What it lists. */
function imagesOf(registry: World['registry']): ImageList {
  const images = async () =>
    [...new Set(Object.values(registry.tags))].map((digest) => ({
      digest,
      tags: Object.keys(registry.tags).filter((tag) => registry.tags[tag] === digest),
      ...(registry.pushedAt[digest] === undefined ? {} : { pushedAt: registry.pushedAt[digest] }),
    }));
  return {
    images,
    image: async (_registry, _repository, digest) => (await images()).find((image) => image.digest === digest),
    tagRule: async () => registry.rule,
  };
}

async function loadHandlers(registry: World['registry'], gates: World['gates']): Promise<Record<string, Handler>> {
  const [reader, list] = [readerOf(registry), imagesOf(registry)];
  const runner: GateRunner = {
    run: async () => {
      if (gates.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, gates.delayMs));
      return { status: gates.status, message: 'looked at', resolution: '' };
    },
  };
  const { httpHandler } = await import('../../functions/kit/http-handler.ts');
  const { create } = await import('../../functions/promotion/create.http.ts');
  const { preview } = await import('../../functions/promotion/preview.http.ts');
  const { editRequest } = await import('../../functions/promotion/edit.http.ts');
  const { verifyCopy } = await import('../../functions/registry/verify-copy.http.ts');
  const changes = await import('../../functions/promotion/change.http.ts');
  const { previewRollback, createRollback } = await import('../../functions/rollout/rollback.http.ts');
  const { breakGlass } = await import('../../functions/gate/break-glass.http.ts');
  const { closeReview } = await import('../../functions/gate/reviews.http.ts');
  const { environmentTags } = await import('../../functions/registry/environment-tags.http.ts');
  const { listUpdates } = await import('../../functions/registry/updates.http.ts');
  const { showVersion, setLifecycle, setQuarantine } = await import('../../functions/lifecycle/versions.http.ts');
  const versions = { reader, list };
  const { listPolicies, replayPolicy } = await import('../../functions/policy/policies.http.ts');
  const load = async (group: string) => ((await import(`../../functions/${group}.group.ts`)) as { handler: Handler }).handler;
  return {
    read: await load('read'),
    decide: await load('decide'),
    operate: await load('operate'),
    audit: await load('audit'),
    hooks: await load('hooks'),
    public: await load('public'),
    request: httpHandler('request', {
      preview: preview(reader, runner),
      createRequest: create(reader),
      editRequest: editRequest(reader),
      ...changes,
      breakGlass,
      closeReview,
      verifyCopy: verifyCopy(reader),
      listPolicies: listPolicies(list),
      replayPolicy: replayPolicy(list),
      previewRollback: previewRollback(reader, runner),
      createRollback: createRollback(reader),
      environmentTags: environmentTags(reader, list),
      listUpdates: listUpdates(reader, list),
      showVersion: showVersion(versions),
      setLifecycle: setLifecycle(versions),
      setQuarantine: setQuarantine(versions),
    }) as unknown as Handler,
  };
}

/** The locked bucket of the log and the key that signs it. */
async function startLog(kms: LocalService): Promise<{ variables: Record<string, string>; close(): Promise<void> }> {
  const server = await startS3();
  await declare(server.service, 'AWS::S3::Bucket', {
    BucketName: 'log',
    VersioningConfiguration: { Status: 'Enabled' },
    ObjectLockEnabled: true,
    ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 731 } } },
  });
  await declare(server.service, 'AWS::S3::Bucket', { BucketName: 'receipts', VersioningConfiguration: { Status: 'Enabled' } });
  await declare(server.service, 'AWS::S3::Bucket', { BucketName: 'exports' });
  const signing = async (KeySpec: string, logicalId: string) => {
    const key = await declare(kms, 'AWS::KMS::Key', { KeySpec, KeyUsage: 'SIGN_VERIFY' }, logicalId);
    return key.attributes?.['Arn'] ?? key.ref;
  };
  return {
    variables: {
      AWS_ENDPOINT_URL_S3: server.origin,
      LOG_BUCKET: 'log',
      LOG_ORIGIN: 'greenlight.000000000000.eu-central-1/audit',
      LOG_KEY: await signing('ECC_NIST_EDWARDS25519', 'LogKey'),
      RECEIPT_BUCKET: 'receipts',
      EXPORT_BUCKET: 'exports',
      RECEIPT_KEY: await signing('ECC_NIST_P256', 'ReceiptKey'),
      ATTEST_FUNCTION: 'attest',
      SEALER_FUNCTION: 'seal',
      ROLLOUT_FUNCTION: 'rollout',
    },
    async close() {
      await server.service.close?.();
      await server.context.dispose();
    },
  };
}

async function serveAws(
  dynamodb: LocalService,
  kms: LocalService,
  calls: string[],
): Promise<{ origin: string; readUnits(): number; close(): void }> {
  let units = 0;
  const server: Server = createServer(async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const target = String(message.headers['x-amz-target']);
    const operation = target.split('.')[1] ?? target;
    calls.push(operation);
    const service = target.startsWith('TrentService') ? kms : dynamodb;
    const isRead = service === dynamodb && /^(GetItem|Query|Scan|BatchGetItem|TransactGetItems)$/.test(operation);
    const body = Buffer.concat(chunks);
    const request: ServiceRequest = {
      method: 'POST',
      url: new URL('http://127.0.0.1/'),
      headers: message.headers as Record<string, string>,
      // Nothing of ours asks what a read costs.
      body: isRead ? Buffer.from(JSON.stringify({ ...JSON.parse(body.toString()), ReturnConsumedCapacity: 'TOTAL' })) : body,
      caller: { kind: 'admin', accessKeyId: 'test' },
      requestId: 'test',
      presigned: false,
    };
    const answer = await service.handle(request);
    if (isRead && answer.status === 200) {
      const { ConsumedCapacity } = JSON.parse(String(answer.body)) as { ConsumedCapacity: Capacity | Capacity[] };
      for (const { CapacityUnits } of [ConsumedCapacity].flat()) units += CapacityUnits;
    }
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    readUnits: () => units,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function declare(service: LocalService, type: string, properties: Record<string, unknown>, logicalId = 'Thing') {
  const resource: ResourceRequest = {
    stack: 'State',
    logicalId,
    type,
    properties,
    defaultName: 'thing',
    assembly: '',
    asset: () => undefined,
  };
  return service.resources[type]!(resource);
}
