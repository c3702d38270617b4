import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HttpApiService } from '../../../local/http-api/http-api.ts';
import type { CloudContext, InvokeResult } from '../../../local/service.ts';
import type { TestContext } from '../context.ts';
import { makeContext } from '../context.ts';
import { deploy, resource, startLambda } from '../lambda/functions.ts';
import { API_ID, startApi } from './api-server.ts';

let context: TestContext;
let api: HttpApiService;

beforeEach(() => {
  context = makeContext('http-api');
});

afterEach(async () => {
  await api?.close?.();
  await context.dispose();
});

/** Sends exactly these bytes of path and headers, which fetch would normalize. */
function send(method: string, path: string, headers: Record<string, string | string[]> = {}, body?: string | Buffer) {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }>((resolve, reject) => {
    const { port } = new URL(api.origin);
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

const echo = async (_arn: string, payload: unknown): Promise<InvokeResult> => ({ payload });
const answer = (payload: unknown) => async (): Promise<InvokeResult> => ({ payload });

test('the event has the fields of payload format 2.0', async () => {
  api = await startApi(context, { routes: { $default: 'all' }, invoke: echo });
  const path = '/my/path?parameter1=value1&parameter1=value2&parameter2=a%20b+c';
  const { text } = await send(
    'POST',
    path,
    {
      'User-Agent': 'agent',
      'Content-Type': 'application/json; charset=utf-8',
      Header1: 'value1',
      Header2: ['value1', 'value2'],
      Cookie: ['cookie1=a; cookie2=b'],
      host: '127.0.0.1:4700',
    },
    '{"ü":1}',
  );
  const event = JSON.parse(text);
  expect(event).toEqual({
    version: '2.0',
    routeKey: '$default',
    rawPath: '/my/path',
    rawQueryString: 'parameter1=value1&parameter1=value2&parameter2=a%20b+c',
    cookies: ['cookie1=a', 'cookie2=b'],
    headers: {
      'content-length': '8',
      'content-type': 'application/json; charset=utf-8',
      header1: 'value1',
      header2: 'value1,value2',
      host: '127.0.0.1:4700',
      'user-agent': 'agent',
      'x-amzn-trace-id': expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/),
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-port': new URL(api.origin).port,
      'x-forwarded-proto': 'http',
    },
    queryStringParameters: { parameter1: 'value1,value2', parameter2: 'a b c' },
    requestContext: {
      accountId: '000000000000',
      apiId: expect.stringMatching(API_ID),
      domainName: '127.0.0.1:4700',
      domainPrefix: '127',
      http: { method: 'POST', path: '/my/path', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'agent' },
      requestId: expect.any(String),
      routeKey: '$default',
      stage: '$default',
      time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
      timeEpoch: expect.any(Number),
    },
    body: '{"ü":1}',
    isBase64Encoded: false,
  });
});

test('the time of a request is virtual', async () => {
  api = await startApi(context, { routes: { $default: 'all' }, invoke: echo });
  await context.clock.advance(365 * 86_400_000);
  const before = context.clock.now();
  const { text, headers } = await send('GET', '/');
  const event = JSON.parse(text);
  expect(event.requestContext.timeEpoch).toBeGreaterThanOrEqual(before);
  expect(event.requestContext.timeEpoch).toBeLessThanOrEqual(context.clock.now());
  expect(event.requestContext.time).toContain(String(context.clock.date().getUTCFullYear()));
  expect(new Date(headers.date as string).getUTCFullYear()).toBe(context.clock.date().getUTCFullYear());
  expect(event).not.toHaveProperty('cookies');
  expect(event).not.toHaveProperty('queryStringParameters');
  expect(event).not.toHaveProperty('pathParameters');
  expect(event).not.toHaveProperty('body');
});

test.each([
  ['text/plain', false],
  ['application/json', false],
  ['application/xml', false],
  ['application/javascript; charset=utf-8', false],
  ['application/x-www-form-urlencoded', true],
  ['application/problem+json', true],
  ['application/octet-stream', true],
])('a body of type %s is base64: %s', async (type, base64) => {
  api = await startApi(context, { routes: { $default: 'all' }, invoke: echo });
  const { text } = await send('POST', '/', { 'content-type': type }, 'a=1&b=%20');
  expect(JSON.parse(text)).toMatchObject({
    isBase64Encoded: base64,
    body: base64 ? Buffer.from('a=1&b=%20').toString('base64') : 'a=1&b=%20',
  });
});

test('a body without a type is base64', async () => {
  api = await startApi(context, { routes: { $default: 'all' }, invoke: echo });
  const { text } = await send('POST', '/', {}, 'plain');
  expect(JSON.parse(text)).toMatchObject({ isBase64Encoded: true, body: 'cGxhaW4=' });
});

test('paths and path parameters arrive decoded, and an encoded slash stays in its segment', async () => {
  api = await startApi(context, { routes: { 'GET /promotions/{id}': 'one', 'ANY /files/{proxy+}': 'many' }, invoke: echo });
  const one = JSON.parse((await send('GET', '/promotions/a%2Fb%20c')).text);
  expect(one).toMatchObject({ routeKey: 'GET /promotions/{id}', rawPath: '/promotions/a/b c', pathParameters: { id: 'a/b c' } });
  const many = JSON.parse((await send('DELETE', '/files/a/b%3Fc/d')).text);
  expect(many).toMatchObject({ routeKey: 'ANY /files/{proxy+}', rawPath: '/files/a/b', pathParameters: { proxy: 'a/b?c/d' } });
  expect((await send('GET', '/promotions/%zz')).status).toBe(400);
});

test('a full answer sets status, headers, cookies and bytes', async () => {
  const invoke = answer({
    statusCode: 201,
    headers: { 'Content-Type': 'image/png', 'X-Count': 3, Connection: 'upgrade' },
    cookies: ['a=1; HttpOnly', 'b=2'],
    body: Buffer.from([0, 255, 10]).toString('base64'),
    isBase64Encoded: true,
  });
  api = await startApi(context, { routes: { $default: 'all' }, invoke });
  const response = await fetch(`${api.origin}/`);
  expect(response.status).toBe(201);
  expect(response.headers.get('content-type')).toBe('image/png');
  expect(response.headers.get('x-count')).toBe('3');
  expect(response.headers.getSetCookie()).toEqual(['a=1; HttpOnly', 'b=2']);
  expect(response.headers.get('apigw-requestid')).toBeTruthy();
  expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from([0, 255, 10]));
});

test.each([
  [{ hello: 1 }, 'application/json', '{"hello":1}'],
  ['plain', 'application/json', 'plain'],
  [null, 'application/json', 'null'],
  [{ statusCode: 200, body: 'text' }, 'text/plain;charset=UTF-8', 'text'],
])('the answer %j is inferred', async (payload, type, body) => {
  api = await startApi(context, { routes: { $default: 'all' }, invoke: answer(payload) });
  const response = await send('GET', '/');
  expect(response).toMatchObject({ status: 200, text: body });
  expect(response.headers['content-type']).toBe(type);
});

test.each([
  [{ statusCode: 'ok', body: '' }],
  [{ statusCode: 200, body: { not: 'a string' } }],
  [{ statusCode: 200, headers: { a: ['b'] } }],
  [{ statusCode: 200, headers: { a: 'b\r\nset-cookie: x=1' } }],
  [{ statusCode: 200, cookies: ['a=1\nb'] }],
  [{ statusCode: 200, body: 'nö', isBase64Encoded: true }],
])('the answer %j is an internal error', async (payload) => {
  api = await startApi(context, { routes: { $default: 'all' }, invoke: answer(payload) });
  expect(await send('GET', '/')).toMatchObject({ status: 500, text: '{"message":"Internal Server Error"}' });
});

test('an error of the function is 500, an integration that takes too long is 503', async () => {
  const failing = async (): Promise<InvokeResult> => ({ payload: null, error: { errorType: 'Error', errorMessage: 'secret' } });
  api = await startApi(context, {
    routes: { 'GET /fails': 'fails', 'GET /hangs': 'hangs' },
    integration: { TimeoutInMillis: 50 },
    invoke: (arn) => (arn.endsWith('fails') ? failing() : new Promise(() => undefined)),
  });
  expect(await send('GET', '/fails')).toMatchObject({ status: 500, text: '{"message":"Internal Server Error"}' });
  expect(await send('GET', '/hangs')).toMatchObject({ status: 503, text: '{"message":"Service Unavailable"}' });
});

test('the time of an integration does not count while its event waits for a sandbox', async () => {
  const invoke: CloudContext['invoke'] = async (_arn, event, options) => {
    options?.waits?.(true);
    await sleep(150);
    options?.waits?.(false);
    if ((event as { rawPath: string }).rawPath === '/hangs') return new Promise(() => undefined);
    return { payload: 'ok' };
  };
  api = await startApi(context, { routes: { $default: 'all' }, integration: { TimeoutInMillis: 50 }, invoke });
  expect(await send('GET', '/answers')).toMatchObject({ status: 200, text: 'ok' });
  expect(await send('GET', '/hangs')).toMatchObject({ status: 503, text: '{"message":"Service Unavailable"}' });
});

test('the gateway itself refuses unknown routes, large bodies and large heads, and survives many headers', async () => {
  api = await startApi(context, { routes: { 'POST /x': 'x' }, invoke: answer('ok') });
  expect(await send('GET', '/nowhere')).toMatchObject({ status: 404, text: '{"message":"Not Found"}' });
  expect(await send('HEAD', '/x')).toMatchObject({ status: 404 });
  const largest = Buffer.alloc(10 * 1024 * 1024, 'a');
  expect(await send('POST', '/x', {}, largest)).toMatchObject({ status: 200, text: 'ok' });
  expect(await send('POST', '/x', {}, Buffer.concat([largest, Buffer.from('b')]))).toMatchObject({
    status: 413,
    text: '{"message":"Request Entity Too Large"}',
  });
  expect(await send('POST', '/x', { big: 'a'.repeat(10_300) })).toMatchObject({ status: 431 });
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, 'v']));
  expect(await send('POST', '/x', many)).toMatchObject({ status: 200 });
});

test('the function must allow the gateway to invoke it for the route', async () => {
  const asked: string[][] = [];
  const permitted = (...parameters: string[]) => asked.push(parameters) > 2;
  api = await startApi(context, { routes: { 'ANY /a/{id}': 'a', $default: 'b' }, invoke: answer('ok'), permitted });
  expect((await send('PUT', '/a/1')).status).toBe(500);
  expect((await send('PUT', '/b')).status).toBe(500);
  expect((await send('PUT', '/b')).status).toBe(200);
  expect(asked[0]).toEqual([
    'arn:aws:lambda:eu-central-1:000000000000:function:a',
    'apigateway.amazonaws.com',
    expect.stringMatching(/^arn:aws:execute-api:eu-central-1:000000000000:[a-z0-9]{10}\/\$default\/PUT\/a\/\{id\}$/),
  ]);
  expect(asked[1]![2]).toMatch(/\/\$default\/\$default$/);
  expect(context.logged.map((entry) => entry.message).join()).toContain('lambda:InvokeFunction');
});

test('the access log has one line of the declared format per request, whatever clients send', async () => {
  const Format =
    '{"path":"$context.path","status":$context.status,"route":"$context.routeKey","agent":"$context.identity.userAgent","no":"$context.authorizer.claims.sub"}';
  api = await startApi(context, {
    routes: { 'GET /x': 'x' },
    invoke: answer('ok'),
    stage: { AccessLogSettings: { DestinationArn: 'arn', Format } },
  });
  await send('GET', '/x', { 'user-agent': '"},{"forged":"1' });
  await send('GET', '/y');
  await api.close?.();
  const lines = readFileSync(join(context.folder, 'logs', 'access-default.log'), 'utf8')
    .trim()
    .split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { path: '/x', status: 200, route: 'GET /x', agent: '"},{"forged":"1', no: '-' },
    { path: '/y', status: 404, route: '-', agent: '-', no: '-' },
  ]);
});

test('what is declared and not supported stops the start', async () => {
  api = await startApi(context, { routes: {}, invoke: echo });
  const provision = (type: string, properties: Record<string, unknown>) => api.resources[type]!(resource(type, 'Thing', properties));
  await expect(provision('AWS::ApiGatewayV2::Api', { Name: 'x', ProtocolType: 'HTTP', CorsConfiguration: {} })).rejects.toThrow(
    /CorsConfiguration/,
  );
  await expect(provision('AWS::ApiGatewayV2::Api', { Name: 'x', ProtocolType: 'HTTP' })).rejects.toThrow(/one API/);
  await expect(provision('AWS::ApiGatewayV2::DomainName', {})).rejects.toThrow(/custom domains/);
  await expect(
    provision('AWS::ApiGatewayV2::Route', { ApiId: 'x', RouteKey: 'GET /', Target: 'integrations/x', AuthorizationType: 'JWT' }),
  ).rejects.toThrow(/AuthorizationType/);
});

test('a real function answers through its own permission', async () => {
  const lambda = await startLambda(context);
  try {
    const arn = await deploy(context, lambda, 'hello', 'export const handler = async (event) => ({ hello: event.pathParameters.name })');
    api = await startApi(context, { routes: { 'GET /hello/{name}': 'hello' }, invoke: lambda.invoke, permitted: lambda.permitted });
    expect((await send('GET', '/hello/you')).status).toBe(500);
    const SourceArn = 'arn:aws:execute-api:eu-central-1:000000000000:*/*/*/hello/{name}';
    const permission = resource('AWS::Lambda::Permission', 'Permission', {
      Action: 'lambda:InvokeFunction',
      FunctionName: arn,
      Principal: 'apigateway.amazonaws.com',
      SourceArn,
    });
    await lambda.resources['AWS::Lambda::Permission']!(permission);
    expect(await send('GET', '/hello/you')).toMatchObject({ status: 200, text: '{"hello":"you"}' });
  } finally {
    await lambda.close?.();
  }
});
