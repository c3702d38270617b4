/** One request through the HTTP API: limits, route, permission, function, answer, access log. */
import type { RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { CloudContext } from '../service.ts';
import type { AccessLog, AccessLogValues } from './access-log.ts';
import type { ApiRequest } from './api-request.ts';
import { GatewayRefusal, readApiRequest } from './api-request.ts';
import { commonLogTime, proxyEvent } from './proxy-event.ts';
import type { GatewayResponse } from './proxy-response.ts';
import { gatewayError, proxyResponse } from './proxy-response.ts';
import type { RouteMatch, RouteTable } from './route-table.ts';

export interface Integration {
  functionArn: string;
  /** Real milliseconds. */
  timeoutMs: number;
}

export interface Stage {
  name: string;
  variables?: Record<string, string>;
  accessLog?: AccessLog;
}

export interface ApiListenerOptions {
  apiId: string;
  context: CloudContext;
  routes: RouteTable;
  integrations: ReadonlyMap<string, Integration>;
  stages: ReadonlyMap<string, Stage>;
  invoke: CloudContext['invoke'];
  permitted(functionArn: string, principal: string, sourceArn: string): boolean;
  log(message: string, fields: Record<string, unknown>): void;
}

/** Every client is on this machine. */
const SOURCE_IP = '127.0.0.1';
const INTERNAL_ERROR = gatewayError(500, 'Internal Server Error');

/** What is learnt about a request on its way, for the access log. */
interface Trail {
  requestId: string;
  now: Date;
  stage?: Stage | undefined;
  request?: ApiRequest;
  match?: RouteMatch;
  integrationLatency?: number;
  integrationError?: string;
}

/** Makes the handler of the API's port. Every answer, also to what fails inside, has a status and a request id. */
export function apiListener(options: ApiListenerOptions): RequestListener {
  return (message, response) => {
    const trail: Trail = { requestId: crypto.randomUUID(), now: options.context.clock.date() };
    const port = (message.socket.address() as AddressInfo).port;
    const started = performance.now();
    const handle = async (): Promise<void> => {
      let answer: GatewayResponse;
      try {
        trail.request = await readApiRequest(message);
        answer = await options.context.clock.track(respond(options, trail, trail.request, port));
      } catch (error) {
        answer = refusal(error);
        if (!(error instanceof GatewayRefusal)) options.log('request failed', { error: String(error), path: message.url });
      }
      send(response, answer, trail.requestId);
      trail.stage ??= options.stages.get('$default');
      trail.stage?.accessLog?.write(logValues(options, trail, answer, performance.now() - started));
    };
    void handle().catch((error) => {
      options.log('connection failed', { error: String(error) });
      response.destroy();
    });
  };
}

async function respond(options: ApiListenerOptions, trail: Trail, request: ApiRequest, port: number): Promise<GatewayResponse> {
  const found = stageOf(options.stages, request.path);
  if (!found) return gatewayError(404, 'Not Found');
  trail.stage = found.stage;
  try {
    const match = options.routes.match(request.method, found.path);
    if (!match) return gatewayError(404, 'Not Found');
    trail.match = match;
    const event = proxyEvent(request, match, {
      accountId: options.context.account,
      apiId: options.apiId,
      stage: found.stage.name,
      ...(found.stage.variables ? { stageVariables: found.stage.variables } : {}),
      requestId: trail.requestId,
      now: trail.now,
      sourceIp: SOURCE_IP,
      port,
    });
    return await integrate(options, trail, match, event);
  } catch (error) {
    // A malformed percent escape in the path, which the client wrote.
    if (error instanceof URIError) return gatewayError(400, 'Bad Request');
    throw error;
  }
}

async function integrate(options: ApiListenerOptions, trail: Trail, match: RouteMatch, event: unknown): Promise<GatewayResponse> {
  const integration = options.integrations.get(match.route.integrationId);
  if (!integration) throw new Error(`route ${match.route.key} has no integration ${match.route.integrationId}`);
  const sourceArn = routeArn(options, trail, match);
  if (!options.permitted(integration.functionArn, 'apigateway.amazonaws.com', sourceArn)) {
    trail.integrationError = `The IAM role configured on the integration or API Gateway doesn't have permissions to call the integration`;
    options.log('apigateway.amazonaws.com lacks lambda:InvokeFunction', { function: integration.functionArn, sourceArn });
    return INTERNAL_ERROR;
  }
  const started = performance.now();
  const result = await within(integration.timeoutMs, (waits) => options.invoke(integration.functionArn, event, { waits }));
  trail.integrationLatency = Math.round(performance.now() - started);
  if (result === undefined) {
    trail.integrationError = 'Endpoint request timed out';
    return gatewayError(503, 'Service Unavailable');
  }
  if (result.error) {
    trail.integrationError = `${result.error.errorType}: ${result.error.errorMessage}`;
    // A body of up to 10 MB passes the gateway but not Lambda, base64 makes it a third larger.
    if (result.error.errorType === 'Lambda.RequestEntityTooLargeException') return gatewayError(413, 'Request Entity Too Large');
    return INTERNAL_ERROR;
  }
  const answer = proxyResponse(result.payload);
  if (!answer) trail.integrationError = 'The response from the Lambda function is not in the format that API Gateway expects';
  return answer ?? INTERNAL_ERROR;
}

/** Answers undefined when the time (real) is over; the function runs on, as on AWS. While the work waits for a sandbox the time stands still. */
async function within<T>(milliseconds: number, start: (waits: (isWaiting: boolean) => void) => Promise<T>): Promise<T | undefined> {
  let limit: NodeJS.Timeout | undefined;
  let timeOut: () => void;
  const timeout = new Promise<undefined>((resolve) => {
    timeOut = () => resolve(undefined);
  });
  const waits = (isWaiting: boolean) => {
    clearTimeout(limit);
    if (!isWaiting) limit = setTimeout(timeOut, milliseconds);
  };
  waits(false);
  const work = start(waits);
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(limit);
    work.catch(() => undefined);
  }
}

/** A named stage is the first segment of the path; `$default` has none. */
function stageOf(stages: ReadonlyMap<string, Stage>, path: string): { stage: Stage; path: string } | undefined {
  const [, first = ''] = path.split('/', 2);
  const named = stages.get(first);
  if (named && first !== '$default') return { stage: named, path: path.slice(first.length + 1) || '/' };
  const stage = stages.get('$default');
  return stage && { stage, path };
}

function routeArn(options: ApiListenerOptions, trail: Trail, match: RouteMatch): string {
  const { region, account } = options.context;
  const [method, path] = match.route.key.split(' ');
  const resource = path === undefined ? '$default' : `${method === 'ANY' ? trail.request!.method : method}${path}`;
  return `arn:aws:execute-api:${region}:${account}:${options.apiId}/${trail.stage!.name}/${resource}`;
}

function refusal(error: unknown): GatewayResponse {
  return error instanceof GatewayRefusal ? gatewayError(error.status, error.message) : INTERNAL_ERROR;
}

function send(response: ServerResponse, answer: GatewayResponse, requestId: string): void {
  if (response.destroyed) return;
  const bodiless = answer.status === 204 || answer.status === 304;
  const length = bodiless ? {} : { 'content-length': answer.body.length };
  // The rest of a body that came too slowly is not waited for.
  const end = answer.status === 408 ? { connection: 'close' } : {};
  response.writeHead(answer.status, { ...answer.headers, ...length, ...end, 'apigw-requestid': requestId });
  response.end(bodiless ? undefined : answer.body);
}

function logValues(options: ApiListenerOptions, trail: Trail, answer: GatewayResponse, latency: number): AccessLogValues {
  const { request, match, stage } = trail;
  const host = request?.headers.host ?? '';
  return {
    accountId: options.context.account,
    apiId: options.apiId,
    domainName: host,
    domainPrefix: host.split('.')[0],
    httpMethod: request?.method,
    path: request?.path,
    protocol: request?.protocol,
    requestId: trail.requestId,
    extendedRequestId: trail.requestId,
    requestTime: commonLogTime(trail.now),
    requestTimeEpoch: trail.now.getTime(),
    responseLatency: Math.round(latency),
    responseLength: answer.body.length,
    routeKey: match?.route.key,
    stage: stage?.name,
    status: answer.status,
    'identity.sourceIp': SOURCE_IP,
    'identity.userAgent': request?.headers['user-agent'],
    integrationErrorMessage: trail.integrationError,
    integrationLatency: trail.integrationLatency,
    'integration.error': trail.integrationError,
    'integration.latency': trail.integrationLatency,
    'integration.integrationStatus': trail.integrationLatency === undefined ? undefined : 200,
    'integration.status': answer.status,
    'error.message': answer.status >= 400 && !match ? 'Not Found' : undefined,
  };
}
