/** An API Gateway event as the rest of the kit sees it. Size comes first: nothing is done for a body that is too large. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { Refusal } from '../../core/errors.ts';
import type { Route } from '../routes.ts';
import { pageWithSlash, routeOfKey } from './match-route.ts';

/** 256 KiB, decoded; a route may take less. */
const LARGEST_BODY = 256 * 1024;

export interface HttpRequest {
  requestId: string;
  /** Undefined for `$default`: no route of ours. */
  route: Route | undefined;
  method: string;
  path: string;
  params: Record<string, string>;
  rawQuery: string;
  headers: Record<string, string>;
  cookies: Record<string, string>;
  rawBody: Buffer;
  /** From API Gateway, not from a header. */
  sourceIp: string;
}

/** Refusal PAYLOAD_TOO_LARGE. */
export function readRequest(event: APIGatewayProxyEventV2): HttpRequest {
  const { http, requestId } = event.requestContext;
  const route = routeOfKey(event.routeKey) ?? pageWithSlash(http.method, event.rawPath);
  const rawBody = bodyOf(event, route?.largestBody ?? LARGEST_BODY);
  return {
    requestId,
    route,
    method: http.method,
    path: event.rawPath,
    params: definedOf(event.pathParameters ?? {}),
    rawQuery: event.rawQueryString,
    headers: definedOf(event.headers),
    cookies: cookiesOf(event.cookies ?? []),
    rawBody,
    sourceIp: http.sourceIp,
  };
}

function bodyOf(event: APIGatewayProxyEventV2, largest: number): Buffer {
  const { body = '', isBase64Encoded } = event;
  // Base64 spends 4 characters on 3 bytes: longer texts need not be decoded to be refused.
  const isTooLong = isBase64Encoded ? body.length > Math.ceil(largest / 3) * 4 : body.length > largest;
  const bytes = isTooLong ? undefined : Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  if (!bytes || bytes.length > largest) {
    throw new Refusal('PAYLOAD_TOO_LARGE', `a body has at most ${largest} bytes`);
  }
  return bytes;
}

function definedOf(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(entries));
}

/** The first of equal names wins: a second one was planted by somebody who could set cookies for a wider path or domain, or it is noise. */
function cookiesOf(pairs: readonly string[]): Record<string, string> {
  const cookies = Object.create(null) as Record<string, string>;
  for (const pair of pairs.flatMap((line) => line.split(';'))) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, at).trim();
    if (at > 0 && !(name in cookies)) cookies[name] = pair.slice(at + 1).trim();
  }
  return cookies;
}
