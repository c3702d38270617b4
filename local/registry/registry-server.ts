/** One OCI Distribution 1.1 registry on a port of its own, with ECR's authentication and IAM actions. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CloudContext } from '../service.ts';
import {
  ANONYMOUS_TOKEN,
  type Anonymous,
  type Holder,
  holderName,
  type PasswordVerifier,
  RegistryAccess,
  readPassword,
} from './registry-access.ts';
import { RegistryError } from './registry-error.ts';
import { type RegistryRequest, readRegistryRequest } from './registry-request.ts';
import { RegistryStore } from './registry-store.ts';
import type { RepositorySettings } from './repository.ts';
import { deleteBlob, serveBlob } from './serve-blobs.ts';
import { send, serveCatalog, serveReferrers, serveTags } from './serve-lists.ts';
import { deleteManifest, putManifest, serveManifest } from './serve-manifests.ts';
import { appendChunk, beginUpload, cancelUpload, endUpload, uploadStatus } from './serve-uploads.ts';

export interface RegistryOptions {
  /** Listener `registry-<name>`; also the folder name. */
  name: string;
  account: string;
  /** Where this registry keeps its data. */
  folder: string;
  anonymous: Anonymous;
  verifyPassword: PasswordVerifier;
  /** Settings of a repository that is created by a push. */
  newRepository(name: string): RepositorySettings;
  /** False: no referrers API, as registries before 1.1. Default true. */
  referrers?: boolean;
  /** True: ECR's deviations in uploads and mounts. Default false. */
  ecrUploads?: boolean;
  /** Answers addresses below `/_local/`; true when it did. */
  local?(message: IncomingMessage, response: ServerResponse): Promise<boolean>;
}

export interface Registry {
  readonly name: string;
  readonly account: string;
  readonly store: RegistryStore;
  readonly access: RegistryAccess;
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  close(): Promise<void>;
}

const TOKEN_SECONDS = 12 * 3600;

export async function openRegistry(context: CloudContext, options: RegistryOptions): Promise<Registry> {
  const store = await RegistryStore.open(options.folder, context.clock);
  const access = new RegistryAccess(context, options);
  const server = { context, options, store, access };
  const listening = await context.listeners.listen(
    `registry-${options.name}`,
    (message, response) => {
      void respond(server, message, response);
    },
    { now: () => context.clock.date() },
  );
  return {
    name: options.name,
    account: options.account,
    store,
    access,
    address: `127.0.0.1:${listening.port}`,
    close: () => store.close(),
  };
}

interface RegistryServer {
  context: CloudContext;
  options: RegistryOptions;
  store: RegistryStore;
  access: RegistryAccess;
}

async function respond(server: RegistryServer, message: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('docker-distribution-api-version', 'registry/2.0');
  try {
    if (message.url?.startsWith('/_local/') && (await server.options.local?.(message, response))) return;
    await serve(server, readRegistryRequest(message), response);
  } catch (error) {
    refuse(server.context, message, response, error);
  }
}

async function serve(server: RegistryServer, request: RegistryRequest, response: ServerResponse): Promise<void> {
  const { context, access } = server;
  let holder: Holder;
  try {
    holder = access.authenticate(request);
    await access.authorize(request, holder);
  } catch (error) {
    record(server, request, holder, 'denied');
    throw error;
  }
  record(server, request, holder, 'allowed');
  const fault = await context.fault('registry', request.operation);
  if (fault) {
    send(response, fault.status, { errors: [{ code: fault.code, message: fault.message }] });
    return;
  }
  await dispatch(server, request, holder, response);
}

async function dispatch(server: RegistryServer, request: RegistryRequest, holder: Holder, response: ServerResponse): Promise<void> {
  const { store, access, options } = server;
  const referrers = options.referrers ?? true;
  const ecrUploads = options.ecrUploads ?? false;
  const uploads = { store, access, ecrUploads };
  switch (request.operation) {
    case 'GET base':
    case 'HEAD base':
      return send(response, 200, {});
    case 'GET token':
      return sendToken(request, response);
    case 'GET catalog':
      return serveCatalog(store, request, response);
    case 'GET tags':
      return serveTags(store, request, response);
    case 'GET referrers':
      if (!referrers) throw new RegistryError(404, 'UNSUPPORTED', 'the referrers API is not supported');
      return serveReferrers(store, request, response);
    case 'GET manifest':
    case 'HEAD manifest':
      return serveManifest(store, request, response);
    case 'PUT manifest':
      await ensureRepository(server, request.repository);
      return putManifest(store, request, response, { referrers, ecrUploads });
    case 'DELETE manifest':
      return deleteManifest(store, request, response);
    case 'GET blob':
    case 'HEAD blob':
      return serveBlob(store, request, response);
    case 'DELETE blob':
      return deleteBlob(store, request, response);
    case 'POST upload':
      await ensureRepository(server, request.repository);
      return beginUpload(uploads, request, holder, response);
    case 'PATCH upload':
      return appendChunk(uploads, request, response);
    case 'PUT upload':
      return endUpload(uploads, request, response);
    case 'GET upload':
      return uploadStatus(uploads, request, response);
    case 'DELETE upload':
      return cancelUpload(uploads, request, response);
    default:
      throw new RegistryError(405, 'UNSUPPORTED', `${request.operation} is not supported`);
  }
}

/** As ECR's repository creation templates for pushes do. */
async function ensureRepository({ store, options }: RegistryServer, name: string): Promise<void> {
  if (!store.repositories.has(name)) await store.saveSettings(name, options.newRepository(name));
}

/** Token endpoint for clients that only speak Bearer: the caller's own password, or the token of nobody. */
function sendToken({ message }: RegistryRequest, response: ServerResponse): void {
  const token = readPassword(message.headers.authorization) ?? ANONYMOUS_TOKEN;
  send(response, 200, { token, access_token: token, expires_in: TOKEN_SECONDS });
}

function record({ context, access }: RegistryServer, request: RegistryRequest, holder: Holder, decision: 'allowed' | 'denied'): void {
  const { operation, repository, reference, object, query } = request;
  const digest = object === 'uploads' || object === 'upload' ? (query.get('digest') ?? query.get('mount') ?? '') : reference;
  const suffix = digest.includes(':') ? `@${digest}` : digest && `:${digest}`;
  context.recordCall({
    service: 'registry',
    operation,
    function: holderName(holder),
    at: context.clock.date().toISOString(),
    decision,
    resource: repository ? `${access.arnOf(repository)}${suffix}` : '*',
  });
}

function refuse(context: CloudContext, message: IncomingMessage, response: ServerResponse, error: unknown): void {
  // The client went away, or the answer has begun: all that is left is to cut the connection.
  if (response.headersSent || message.socket.destroyed) {
    response.destroy();
    return;
  }
  const known = error instanceof RegistryError ? error : undefined;
  if (!known) context.log('registry request failed', { method: message.method, url: message.url, error: String(error) });
  const answer = known ?? new RegistryError(500, 'UNKNOWN', 'internal error');
  const body = answer.body();
  // HEAD says the length too, as other registries do: clients do not use a connection again when an answer may go on.
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...answer.headers };
  response.writeHead(answer.status, headers).end(message.method === 'HEAD' ? undefined : body);
}
