/**
 * The one AWS endpoint. Each request goes to the service of its credential scope, after its sender is authenticated, IAM has decided, the call is
 * recorded and injected faults have struck. A failing service answers 500 and harms no other.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { authError, denialError } from './auth-errors.ts';
import type { Calls } from './calls.ts';
import type { Clock } from './clock.ts';
import { handleControl } from './control.ts';
import type { Credentials } from './credentials.ts';
import type { Faults } from './faults.ts';
import { BODY_LIMIT, joinedHeaders, readBody, sendJson, sendResponse } from './http-body.ts';
import type { Decision, Iam } from './iam/iam.ts';
import type { LocalService, ServiceError, ServiceRequest, ServiceResponse } from './service.ts';
import { type Authentication, authenticate } from './sigv4/authenticate.ts';

export interface GatewayOptions {
  clock: Clock;
  credentials: Credentials;
  iam: Iam;
  calls: Calls;
  faults: Faults;
  /** Names of fault targets that are no AWS service, e.g. `kubernetes`. */
  otherFaultTargets: readonly string[];
  log(message: string, fields?: Record<string, unknown>): void;
}

const NOBODY = { kind: 'role', accessKeyId: '', functionName: 'anonymous' } as const;

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #byScope = new Map<string, LocalService>();
  readonly #inFlight = new Set<Promise<void>>();
  #services: readonly LocalService[] = [];

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** Routes the scopes of `services` here. Throws when two claim the same scope. */
  mount(services: readonly LocalService[]): void {
    for (const service of services) {
      for (const scope of service.scopes) {
        const other = this.#byScope.get(scope);
        if (other) throw new Error(`the services ${other.name} and ${service.name} both claim the scope ${scope}`);
        this.#byScope.set(scope, service);
      }
    }
    this.#services = [...this.#services, ...services];
  }

  /** Service that owns a credential scope or, as most do, the ARNs that carry the same word. */
  serviceOf(scope: string): LocalService | undefined {
    return this.#byScope.get(scope);
  }

  /** Request listener of the port `aws`. */
  readonly listener = (request: IncomingMessage, response: ServerResponse): void => {
    const work = this.#serve(request, response).catch((error: Error) => {
      this.#options.log('a request failed', { target: request.url, error: error.stack ?? String(error) });
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { __type: 'InternalFailure', message: 'the local cloud failed: see its output' });
    });
    this.#inFlight.add(work);
    void work.finally(() => this.#inFlight.delete(work));
  };

  /** Resolves once no request is being answered. */
  async idle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? '/';
    if (target.startsWith('/_local/')) {
      const { clock, faults, calls, otherFaultTargets } = this.#options;
      const faultServices = (): string[] => [...this.#services.map(({ name }) => name), ...otherFaultTargets];
      return handleControl({ clock, faults, calls, faultServices }, request, response);
    }
    const requestId = randomUUID();
    response.setHeader('x-amzn-requestid', requestId);
    response.setHeader('x-amz-request-id', requestId);
    const body = await readBody(request);
    const method = request.method ?? 'GET';
    const received = { method, target, headers: joinedHeaders(request) };
    const sender = authenticate(received, body ?? Buffer.alloc(0), this.#options.credentials, this.#options.clock);
    const scope = sender.service ?? unsignedScope(received);
    const service = this.#byScope.get(scope);
    if (!service) {
      this.#options.log(`no service for the credential scope ${scope}`, { target, operation: received.headers['x-amz-target'] });
      return sendJson(response, 501, { __type: 'UnknownOperationException', message: `The local cloud has no service ${scope}` });
    }
    const serviceRequest: ServiceRequest = {
      method,
      url: new URL(target, `http://${received.headers.host ?? '127.0.0.1'}`),
      headers: sender.ok ? sender.headers : received.headers,
      body: sender.ok ? sender.body : (body ?? Buffer.alloc(0)),
      caller: sender.ok ? sender.caller : NOBODY,
      requestId,
      presigned: sender.ok && sender.presigned,
    };
    const refusal = body ? dotSegments(target, service, serviceRequest) : tooLarge(service, serviceRequest);
    const answer = refusal ?? (await this.#answer(service, scope, serviceRequest, sender));
    await sendResponse(request, response, answer);
  }

  async #answer(service: LocalService, scope: string, request: ServiceRequest, sender: Authentication): Promise<ServiceResponse> {
    if (!sender.ok) {
      const error = authError(sender.refusal, scope);
      this.#options.log(`refused ${service.name}: ${sender.refusal}`, { path: request.url.pathname });
      this.#record(service, operationName(service, request), request, 'denied', '*');
      return service.errorResponse(request, error);
    }
    try {
      const operation = service.operation(request);
      const checks = await service.checks(request);
      const decision = await this.#options.iam.decideAll(request.caller, checks);
      this.#record(service, operation, request, decision?.decision ?? 'allowed', decision?.check.resource ?? '*');
      if (decision && decision.decision !== 'allowed') {
        this.#printDenial(request, decision);
        return service.errorResponse(request, denialError(scope, decision.message));
      }
      const fault = await this.#options.faults.strike(service.name, operation);
      if (fault) return service.errorResponse(request, fault);
      return await service.handle(request);
    } catch (error) {
      if (isServiceError(error)) return service.errorResponse(request, error);
      this.#options.log(`${service.name} failed`, { error: (error as Error).stack ?? String(error) });
      const code = scope === 's3' ? 'InternalError' : 'InternalFailure';
      return service.errorResponse(request, { status: 500, code, message: 'the local cloud failed: see its output' });
    }
  }

  #record(service: LocalService, operation: string, request: ServiceRequest, decision: Decision['decision'], resource: string): void {
    const { caller } = request;
    const name = caller.functionName ?? (caller.kind === 'admin' ? 'admin' : 'anonymous');
    const at = this.#options.clock.date().toISOString();
    this.#options.calls.record({ service: service.name, operation, function: name, at, decision, resource });
  }

  #printDenial(request: ServiceRequest, { check, message }: Decision): void {
    const name = request.caller.functionName ?? request.caller.kind;
    process.stderr.write(`denied: ${name} may not ${check.action} on ${check.resource}: ${message.replace(/\s+/g, ' ')}\n`);
  }
}

/** Bytes that cannot be held would exhaust the process: S3's own answer for objects above its limit. */
function tooLarge(service: LocalService, request: ServiceRequest): ServiceResponse {
  const message = `the local cloud takes bodies of at most ${BODY_LIMIT} bytes`;
  return service.errorResponse(request, { status: 400, code: 'EntityTooLarge', message });
}

/** `URL` folds `.` and `..`, which S3 takes literally: another object would be read or written than the one named. */
function dotSegments(target: string, service: LocalService, request: ServiceRequest): ServiceResponse | undefined {
  const segments = target.split('?')[0]!.replaceAll(/%2e/gi, '.').split('/');
  if (!segments.includes('.') && !segments.includes('..')) return undefined;
  return service.errorResponse(request, {
    status: 400,
    code: 'InvalidURI',
    message: 'The local cloud takes no . or .. as a part of a path.',
  });
}

function operationName(service: LocalService, request: ServiceRequest): string {
  try {
    return service.operation(request);
  } catch {
    return 'unknown';
  }
}

/** An unsigned request has no scope: the JSON protocols name themselves in `x-amz-target`, what remains is taken for S3 as AWS's hosts would. */
function unsignedScope({ method, headers }: { method: string; headers: Record<string, string> }): string {
  const target = headers['x-amz-target'];
  if (target !== undefined) return TARGET_SCOPES.find(([prefix]) => target.startsWith(prefix))?.[1] ?? 'dynamodb';
  return method === 'POST' && headers['content-type']?.startsWith('application/x-www-form-urlencoded') ? 'sts' : 's3';
}

const TARGET_SCOPES: readonly (readonly [prefix: string, scope: string])[] = [
  ['AWSStepFunctions', 'states'],
  ['AmazonEC2ContainerRegistry', 'ecr'],
  ['TrentService', 'kms'],
  ['AWSEvents', 'events'],
  ['CodeBuild', 'codebuild'],
  ['secretsmanager', 'secretsmanager'],
  ['AmazonSSM', 'ssm'],
  ['AmazonSQS', 'sqs'],
  ['Logs', 'logs'],
];

function isServiceError(error: unknown): error is ServiceError {
  if (typeof error !== 'object' || error === null) return false;
  const { status, code, message } = error as Partial<ServiceError>;
  return typeof status === 'number' && typeof code === 'string' && typeof message === 'string';
}
