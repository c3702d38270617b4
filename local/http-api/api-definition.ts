/** The HTTP API as CloudFormation declares it: what the properties may be, and what they say. */
import * as z from 'zod';
import type { ResourceRequest } from '../service.ts';

const harmless = z.unknown().optional();

export const apiProperties = z.strictObject({
  Name: z.string(),
  ProtocolType: z.literal('HTTP'),
  Description: harmless,
  DisableExecuteApiEndpoint: z.union([z.literal(false), z.literal('false')]).optional(),
  IpAddressType: harmless,
  // An HTTP API knows one expression only.
  RouteSelectionExpression: harmless,
  Tags: harmless,
  Version: harmless,
});

export const stageProperties = z.strictObject({
  ApiId: z.string(),
  StageName: z.string(),
  AutoDeploy: z.union([z.literal(true), z.literal('true')]),
  AccessLogSettings: z.strictObject({ DestinationArn: z.string().optional(), Format: z.string() }).optional(),
  StageVariables: z.record(z.string(), z.string()).optional(),
  // Throttling is not applied locally; what it would answer is the gateway's own 429.
  DefaultRouteSettings: harmless,
  RouteSettings: harmless,
  Description: harmless,
  Tags: harmless,
});

export const routeProperties = z.strictObject({
  ApiId: z.string(),
  RouteKey: z.string(),
  Target: z.string().regex(/^integrations\//),
  AuthorizationType: z.literal('NONE').optional(),
  OperationName: harmless,
});

export const integrationProperties = z.strictObject({
  ApiId: z.string(),
  IntegrationType: z.literal('AWS_PROXY'),
  IntegrationUri: z.string(),
  IntegrationMethod: z.literal('POST').optional(),
  PayloadFormatVersion: z.literal('2.0'),
  ConnectionType: z.literal('INTERNET').optional(),
  TimeoutInMillis: z.coerce.number().int().min(50).max(30_000).default(30_000),
  Description: harmless,
});

/** Reads the properties of a resource; throws with its name and the property that cannot be honoured. */
export function declared<T>(schema: z.ZodType<T>, request: ResourceRequest): T {
  const parsed = schema.safeParse(request.properties);
  if (!parsed.success) throw new Error(`${request.type} ${request.logicalId}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** The function behind an integration URI, which is its ARN or the `path/…/invocations` form. */
export function functionOf(uri: string): string {
  return /\/functions\/(arn:aws:lambda:[^/]+)\/invocations$/.exec(uri)?.[1] ?? uri;
}
