/** The HTTP face of the cluster: authenticate, inject faults, authorize, record, then answer from `object-api`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CloudContext } from '../../service.ts';
import { KubeError, notSupported, qualified, unauthorized, unknownPath } from '../kube-error.ts';

import { answerReview } from './access-review.ts';
import type { Authenticator } from './authenticate.ts';
import { decodeObject } from './decode-object.ts';
import { deleteCollection, deleteOne } from './delete-request.ts';
import { discover } from './discovery.ts';
import { filterOf, listPage } from './list-page.ts';
import type { ObjectApi } from './object-api.ts';
import { openApiDocument, openApiIndex } from './open-api.ts';
import { representation } from './representation.ts';
import { parseBody, readBody } from './request-body.ts';
import { type ResourceRequestInfo, readRequest } from './request-info.ts';
import { type Attributes, denial, pathDenial, type RoleBasedAccess, type User } from './role-based-access.ts';
import { scaleOf } from './scale-subresource.ts';
import { startWatch } from './watch-stream.ts';
import { write } from './write-request.ts';

export interface ApiServerOptions {
  context: CloudContext;
  api: ObjectApi;
  access: RoleBasedAccess;
  authenticator: Authenticator;
}

const HEALTH_PATHS = /^\/(healthz|livez|readyz)(\/|$)/;

export class ApiServer {
  readonly #options: ApiServerOptions;

  constructor(options: ApiServerOptions) {
    this.#options = options;
  }

  /** Answers one request; errors become `Status` objects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { context } = this.#options;
    try {
      await this.#route(request, response);
    } catch (error) {
      const known =
        error instanceof KubeError ? error : new KubeError(500, 'InternalError', `Internal error occurred: ${(error as Error).message}`);
      if (!(error instanceof KubeError))
        context.log('kubernetes request failed', { url: request.url, error: String((error as Error).stack) });
      if (response.headersSent) response.destroy();
      else send(response, known.code, known.status());
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://127.0.0.1');
    const method = request.method ?? 'GET';
    if (HEALTH_PATHS.test(url.pathname)) return text(response, 'ok');
    const info = readRequest(method, url.pathname, url.searchParams);
    const operation = info ? `${info.verb} ${resourceName(info)}` : `${method.toLowerCase()} ${url.pathname}`;
    const fault = await this.#options.context.fault('kubernetes', operation);
    if (fault) throw new KubeError(fault.status, fault.code, fault.message);
    const user = await this.#authenticate(request, operation, url.pathname);
    this.#authorize(user, info, operation, method, url.pathname);
    if (info) return await this.#resource(request, response, url, info, user);
    return this.#document(url, response);
  }

  async #authenticate(request: IncomingMessage, operation: string, path: string): Promise<User> {
    try {
      return await this.#options.authenticator.authenticate(request.headers.authorization);
    } catch (error) {
      this.#record('anonymous', operation, path, 'denied');
      throw error instanceof KubeError ? error : unauthorized();
    }
  }

  #authorize(user: User, info: ResourceRequestInfo | undefined, operation: string, method: string, path: string): void {
    const wanted: Attributes = info
      ? { verb: info.verb, group: info.resource.group, resource: resourceName(info), namespace: namespaceOf(info), name: info.name }
      : { verb: method === 'GET' || method === 'HEAD' ? 'get' : method.toLowerCase(), group: '', resource: '', path };
    const allowed = this.#options.access.allows(user, wanted);
    this.#record(user.callerName, operation, path, allowed ? 'allowed' : 'implicitDeny');
    if (!allowed) throw info ? denial(user, info.resource, wanted) : pathDenial(user, wanted.verb, path);
  }

  #record(caller: string, operation: string, resource: string, decision: 'allowed' | 'denied' | 'implicitDeny'): void {
    const { context } = this.#options;
    context.recordCall({ service: 'kubernetes', operation, function: caller, at: context.clock.date().toISOString(), decision, resource });
  }

  #document(url: URL, response: ServerResponse): void {
    const path = url.pathname.replace(/\/$/, '');
    const found =
      path === '/openapi/v3' ? openApiIndex() : path.startsWith('/openapi/v3/') ? openApiDocument(path.slice(12)) : discover(path);
    // Nobody serves the group: the answer is no Status.
    const [root, group = '', version] = path.split('/').filter(Boolean);
    const isGroupless = root === 'apis' && version !== undefined && discover(`/apis/${group}`) === undefined;
    if (found === undefined && isGroupless) text(response, '404 page not found\n', 404);
    else if (found === undefined) throw unknownPath();
    else send(response, 200, found);
  }

  async #resource(request: IncomingMessage, response: ServerResponse, url: URL, info: ResourceRequestInfo, user: User): Promise<void> {
    const { api, access } = this.#options;
    const { resource: kind, namespace, name, verb, subresource } = info;
    const query = url.searchParams;
    if (subresource !== undefined && !kind.subresources.includes(subresource as 'status')) throw unknownPath();
    const represent = representation(kind, request.headers.accept, query, () => api.clock.now());
    if (verb === 'get' || verb === 'list' || verb === 'watch') {
      if (!kind.stored) throw notSupported();
      if (verb === 'watch') return startWatch({ store: api.store, clock: api.clock, kind, namespace, name, query, represent, response });
      if (verb === 'get') {
        const object = api.get(kind, namespace, name!);
        return send(response, 200, subresource === 'scale' ? scaleOf(object) : represent.one(object));
      }
      const { items, metadata } = listPage(api.store, kind, namespace, query);
      return send(response, 200, represent.list(items, metadata));
    }
    const body = await readBody(request);
    if (!kind.stored) {
      if (verb !== 'create') throw notSupported();
      const { object } = decodeObject(kind, parseBody(body), 'Ignore');
      return send(response, 201, answerReview(kind, object, user, access));
    }
    if (verb === 'delete' || verb === 'deletecollection') {
      if (subresource) throw notSupported();
      const parsed = body.bytes.length > 0 ? parseBody(body) : undefined;
      const answer =
        verb === 'delete'
          ? deleteOne(api, kind, namespace, name!, query, parsed)
          : {
              status: 200,
              body: represent.list(deleteCollection(api, kind, namespace, filterOf(kind, query), query, parsed), {
                resourceVersion: String(api.store.version),
              }),
            };
      api.store.flush();
      return send(response, answer.status, answer.body);
    }
    if (!['create', 'update', 'patch'].includes(verb) || (verb === 'create' && name !== undefined)) throw notSupported();
    if (verb !== 'create' && name === undefined) throw notSupported();
    const written = write({ api, access, user, info, query, body, userAgent: request.headers['user-agent'] ?? '' });
    api.store.flush();
    for (const warning of written.warnings) response.appendHeader('warning', `299 - ${JSON.stringify(warning)}`);
    send(response, written.created ? 201 : 200, written.object.kind === 'Scale' ? written.object : represent.one(written.object));
  }
}

function resourceName({ resource, subresource }: ResourceRequestInfo): string {
  return subresource ? `${resource.plural}/${subresource}` : resource.plural;
}

/** Requests about a namespace itself are judged inside it, as by the real authorizer. */
function namespaceOf({ resource, namespace, name }: ResourceRequestInfo): string | undefined {
  return qualified(resource) === 'namespaces' ? name : namespace;
}

function text(response: ServerResponse, body: string, status = 200): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(body);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.end(JSON.stringify(body));
}
