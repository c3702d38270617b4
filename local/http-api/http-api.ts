/**
 * API Gateway HTTP API (v2) with Lambda proxy integrations, payload format 2.0, on one loopback port.
 * Limits: one API, stages that deploy automatically, no authorizers, no CORS, no custom domains, no throttling, no management API.
 * What these resources declare beyond that is refused at the start, by name.
 */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CloudContext, LocalService, ResourceProvider, ResourceRequest } from '../service.ts';
import { AccessLog } from './access-log.ts';
import { apiProperties, declared, functionOf, integrationProperties, routeProperties, stageProperties } from './api-definition.ts';
import type { Integration, Stage } from './request-handling.ts';
import { apiListener } from './request-handling.ts';
import { RouteTable } from './route-table.ts';

export interface HttpApiOptions {
  /** Wanted port when the data folder has none yet; 0: any free one. */
  port: number;
  invoke: CloudContext['invoke'];
  /** Whether the function's resource policy lets `principal` invoke it for `sourceArn`. */
  permitted(functionArn: string, principal: string, sourceArn: string): boolean;
}

export interface HttpApiService extends LocalService {
  /** `http://127.0.0.1:PORT`; throws before the API is provisioned. */
  readonly origin: string;
}

export function createHttpApi(context: CloudContext, options: HttpApiOptions): HttpApiService {
  const routes = new RouteTable();
  const integrations = new Map<string, Integration>();
  const stages = new Map<string, Stage>();
  let api: { id: string; origin: string } | undefined;

  const open = async (id: string): Promise<{ id: string; origin: string }> => {
    const logRefusal = (message: string, fields: Record<string, unknown>) => context.log(`http-api: ${message}`, fields);
    const handler = apiListener({
      apiId: id,
      context,
      routes,
      integrations,
      stages,
      log: logRefusal,
      invoke: options.invoke,
      permitted: options.permitted,
    });
    const listening = await context.listeners.listen('api', handler, { port: options.port, now: () => context.clock.date() });
    return { id, origin: listening.origin };
  };

  const resources: Record<string, ResourceProvider> = {
    'AWS::ApiGatewayV2::Api': async (request) => {
      declared(apiProperties, request);
      const id = stableId(request);
      if (api && api.id !== id) throw new Error(`${request.type} ${request.logicalId}: the local cloud serves one API only`);
      api ??= await open(id);
      return { ref: id, attributes: { ApiId: id, ApiEndpoint: api.origin } };
    },
    'AWS::ApiGatewayV2::Stage': async (request) => {
      const properties = declared(stageProperties, request);
      const { StageName, AccessLogSettings, StageVariables } = properties;
      await stages.get(StageName)?.accessLog?.close();
      mkdirSync(join(context.folder, 'logs'), { recursive: true, mode: 0o700 });
      const file = join(context.folder, 'logs', `access-${StageName.replaceAll(/[^A-Za-z0-9_-]/g, '')}.log`);
      stages.set(StageName, {
        name: StageName,
        ...(StageVariables ? { variables: StageVariables } : {}),
        ...(AccessLogSettings ? { accessLog: new AccessLog(file, AccessLogSettings.Format) } : {}),
      });
      return { ref: StageName };
    },
    'AWS::ApiGatewayV2::Integration': async (request) => {
      const properties = declared(integrationProperties, request);
      const id = stableId(request);
      integrations.set(id, { functionArn: functionOf(properties.IntegrationUri), timeoutMs: properties.TimeoutInMillis });
      return { ref: id, attributes: { IntegrationId: id } };
    },
    'AWS::ApiGatewayV2::Route': async (request) => {
      const properties = declared(routeProperties, request);
      routes.add({ key: properties.RouteKey, integrationId: properties.Target.slice('integrations/'.length) });
      return { ref: stableId(request), attributes: { RouteId: stableId(request) } };
    },
    'AWS::ApiGatewayV2::ApiMapping': refuse,
    'AWS::ApiGatewayV2::DomainName': refuse,
  };

  return {
    name: 'apigateway',
    scopes: ['apigateway'],
    resources,
    get origin() {
      if (!api) throw new Error('the stack declares no AWS::ApiGatewayV2::Api, or it is not provisioned yet');
      return api.origin;
    },
    operation: (request) => `${request.method} ${request.url.pathname}`,
    checks: () => [],
    handle: async (request) =>
      errorResponse(404, `The local cloud has no management API for API Gateway: ${request.method} ${request.url.pathname}`),
    errorResponse: (_request, error) => ({ ...errorResponse(error.status, error.message, error.code) }),
    close: async () => {
      await Promise.all([...stages.values()].map((stage) => stage.accessLog?.close()));
    },
  };
}

function errorResponse(status: number, message: string, code = 'NotFoundException') {
  return { status, headers: { 'content-type': 'application/json', 'x-amzn-errortype': code }, body: JSON.stringify({ message }) };
}

/** Ten characters of a-z and 0-9, as API Gateway's ids; the same for the same resource at every start. */
function stableId(request: ResourceRequest): string {
  const digest = createHash('sha256').update(`${request.stack}/${request.logicalId}`).digest();
  return BigInt(`0x${digest.toString('hex')}`)
    .toString(36)
    .slice(0, 10);
}

async function refuse(request: ResourceRequest): Promise<never> {
  throw new Error(`${request.type} ${request.logicalId}: custom domains do not exist in the local cloud`);
}
