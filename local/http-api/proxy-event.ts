/** The event that a Lambda proxy integration receives, payload format 2.0. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { ApiRequest } from './api-request.ts';
import type { RouteMatch } from './route-table.ts';

export interface ProxyPlace {
  accountId: string;
  apiId: string;
  stage: string;
  stageVariables?: Record<string, string>;
  requestId: string;
  /** Virtual time. */
  now: Date;
  sourceIp: string;
  port: number;
}

/**
 * Builds the event. `rawPath` is decoded, and cut at a decoded question mark, as live HTTP APIs do (REST APIs and function URLs do not decode).
 * Throws a URIError for a malformed escape.
 */
export function proxyEvent(request: ApiRequest, match: RouteMatch, place: ProxyPlace): APIGatewayProxyEventV2 {
  const [rawPath = '/'] = decodeURIComponent(request.path).split('?');
  const host = request.headers.host ?? '';
  const query = queryParameters(request.rawQuery);
  const forwarded = request.headers['x-forwarded-for'];
  const base64 = isBinary(request.headers);
  return {
    version: '2.0',
    routeKey: match.route.key,
    rawPath,
    rawQueryString: request.rawQuery,
    ...(request.cookies.length > 0 ? { cookies: request.cookies } : {}),
    headers: {
      ...request.headers,
      'content-length': String(request.body.length),
      'x-amzn-trace-id': `Root=1-${Math.floor(place.now.getTime() / 1000).toString(16)}-${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`,
      'x-forwarded-for': forwarded === undefined ? place.sourceIp : `${forwarded}, ${place.sourceIp}`,
      'x-forwarded-port': String(place.port),
      'x-forwarded-proto': 'http',
    },
    ...(query ? { queryStringParameters: query } : {}),
    ...(match.pathParameters ? { pathParameters: match.pathParameters } : {}),
    ...(place.stageVariables ? { stageVariables: place.stageVariables } : {}),
    requestContext: {
      accountId: place.accountId,
      apiId: place.apiId,
      domainName: host,
      domainPrefix: host.split('.')[0] ?? '',
      http: {
        method: request.method,
        path: rawPath,
        protocol: request.protocol,
        sourceIp: place.sourceIp,
        userAgent: request.headers['user-agent'] ?? '',
      },
      requestId: place.requestId,
      routeKey: match.route.key,
      stage: place.stage,
      time: commonLogTime(place.now),
      timeEpoch: place.now.getTime(),
    },
    ...(request.body.length > 0 ? { body: request.body.toString(base64 ? 'base64' : 'utf8') } : {}),
    isBase64Encoded: request.body.length > 0 && base64,
  };
}

const TEXT_TYPES = ['application/json', 'application/javascript', 'application/xml'];

/** Only these types arrive as text; forms, `+json` types and a missing type are base64, as observed on AWS. A compressed body is bytes whatever its type. */
function isBinary(headers: Record<string, string>): boolean {
  const encoding = headers['content-encoding'] ?? 'identity';
  const type = (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  return encoding !== 'identity' || !(type.startsWith('text/') || TEXT_TYPES.includes(type));
}

function queryParameters(rawQuery: string): Record<string, string> | undefined {
  if (rawQuery === '') return undefined;
  const joined = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(rawQuery)) {
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(joined);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `12/Mar/2020:19:03:58 +0000` */
export function commonLogTime(date: Date): string {
  const iso = date.toISOString();
  return `${iso.slice(8, 10)}/${MONTHS[date.getUTCMonth()]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
}
