/** An HTTP API over functions written as plain callbacks or run by the Lambda service, for tests. */
import type { HttpApiService } from '../../../local/http-api/http-api.ts';
import { createHttpApi } from '../../../local/http-api/http-api.ts';
import type { CloudContext } from '../../../local/service.ts';
import type { TestContext } from '../context.ts';
import { resource } from '../lambda/functions.ts';

export interface ApiOptions {
  /** Function name by route key. */
  routes: Record<string, string>;
  invoke: CloudContext['invoke'];
  permitted?: (functionArn: string, principal: string, sourceArn: string) => boolean;
  stage?: Record<string, unknown>;
  integration?: Record<string, unknown>;
}

export const API_ID = /^[a-z0-9]{10}$/;

/** Provisions API, stage, integrations and routes in the order of a template. */
export async function startApi(context: TestContext, options: ApiOptions): Promise<HttpApiService> {
  const api = createHttpApi(context, { port: 0, invoke: options.invoke, permitted: options.permitted ?? (() => true) });
  const provision = (type: string, logicalId: string, properties: Record<string, unknown>) =>
    api.resources[`AWS::ApiGatewayV2::${type}`]!(resource(`AWS::ApiGatewayV2::${type}`, logicalId, properties));
  const { ref: ApiId } = await provision('Api', 'Api', { Name: 'test', ProtocolType: 'HTTP' });
  await provision('Stage', 'Stage', { ApiId, StageName: '$default', AutoDeploy: true, ...options.stage });
  for (const [RouteKey, name] of Object.entries(options.routes)) {
    const integration = await provision('Integration', `Integration ${RouteKey}`, {
      ApiId,
      IntegrationType: 'AWS_PROXY',
      IntegrationUri: `arn:aws:lambda:eu-central-1:000000000000:function:${name}`,
      PayloadFormatVersion: '2.0',
      ...options.integration,
    });
    await provision('Route', `Route ${RouteKey}`, {
      ApiId,
      RouteKey,
      AuthorizationType: 'NONE',
      Target: `integrations/${integration.ref}`,
    });
  }
  return api;
}
