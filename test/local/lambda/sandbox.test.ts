import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LambdaService } from '../../../local/lambda/lambda.ts';
import type { TestContext } from '../context.ts';
import { makeContext } from '../context.ts';
import { deploy, startLambda } from './functions.ts';

let context: TestContext;
let lambda: LambdaService;

beforeEach(async () => {
  context = makeContext('lambda');
  lambda = await startLambda(context);
});

afterEach(async () => {
  await lambda.close?.();
  await context.dispose();
});

test('a function sees its own variables and its role, and nothing of the process that hosts it', async () => {
  process.env.HOST_SECRET = 'leak';
  const arn = await deploy(context, lambda, 'env', 'export const handler = async () => process.env', {
    Environment: { Variables: { TABLE: 'requests', AWS_REGION: 'nowhere' } },
    MemorySize: 256,
  });
  const { payload } = await lambda.invoke(arn, {});
  delete process.env.HOST_SECRET;
  expect(payload).toMatchObject({
    TABLE: 'requests',
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'ASIAEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret of env',
    AWS_SESSION_TOKEN: 'token of arn:aws:iam::000000000000:role/worker',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:4701',
    AWS_LAMBDA_FUNCTION_NAME: 'env',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_CONFIG_FILE: '/dev/null',
    TZ: 'UTC',
  });
  expect(Object.keys(payload as object)).not.toContain('HOST_SECRET');
  expect(Object.keys(payload as object)).not.toContain('HOME');
});

test('Date follows the virtual clock, timers do not', async () => {
  const source = `export const handler = async () => {
    const before = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { now: Date.now(), fresh: new Date().getTime(), text: Date(), fixed: new Date(0).toISOString(), isDate: new Date() instanceof Date,
      copied: new (new Date().constructor)().getTime(), hours: new Date(0).getHours(), waited: performance.now() - before };
  }`;
  const arn = await deploy(context, lambda, 'clock', source);
  await lambda.invoke(arn, {});
  await context.clock.advance(40 * 86_400_000);
  const before = context.clock.now();
  const { payload } = await lambda.invoke(arn, {});
  const after = context.clock.now();
  const seen = payload as Record<string, number | string | boolean>;
  for (const key of ['now', 'fresh', 'copied']) {
    expect(seen[key]).toBeGreaterThanOrEqual(before);
    expect(seen[key]).toBeLessThanOrEqual(after);
  }
  expect(new Date(seen.text as string).getUTCFullYear()).toBe(context.clock.date().getUTCFullYear());
  expect(seen).toMatchObject({ fixed: '1970-01-01T00:00:00.000Z', isDate: true, hours: 0 });
  expect(seen.waited).toBeLessThan(10_000);
});

test('the context names the invocation and counts the remaining time', async () => {
  const source = 'export const handler = async (event, context) => ({ ...context, left: context.getRemainingTimeInMillis(), event })';
  const arn = await deploy(context, lambda, 'context', source, { Timeout: 5, LoggingConfig: { LogGroup: '/greenlight/context' } });
  const { payload } = await lambda.invoke(arn, { a: [1, null] });
  expect(payload).toMatchObject({
    functionName: 'context',
    functionVersion: '$LATEST',
    invokedFunctionArn: arn,
    memoryLimitInMB: '128',
    logGroupName: '/greenlight/context',
    awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    event: { a: [1, null] },
  });
  const { left } = payload as { left: number };
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(5_000);
});

test('an exception arrives with its name, message and trace', async () => {
  const source = `class GateFailed extends Error { name = 'GateFailed' }
    export const handler = async (event) => { if (event.plain) throw 'plain'; throw new GateFailed('no label') }`;
  const arn = await deploy(context, lambda, 'throws', source);
  expect(await lambda.invoke(arn, {})).toMatchObject({
    error: { errorType: 'GateFailed', errorMessage: 'no label', trace: expect.arrayContaining([expect.stringContaining('no label')]) },
  });
  expect((await lambda.invoke(arn, { plain: true })).error).toEqual({ errorType: 'string', errorMessage: 'plain', trace: [] });
});

test('a function that hangs is ended at its timeout, and the next event gets a new sandbox', async () => {
  const source = 'export const handler = async (event) => { while (event.spin); return "ok" }';
  const arn = await deploy(context, lambda, 'hangs', source, { Timeout: 2, ReservedConcurrentExecutions: 1 });
  const [hung, next] = await Promise.all([lambda.invoke(arn, { spin: true }), lambda.invoke(arn, {})]);
  expect(hung.error?.errorType).toBe('Sandbox.Timedout');
  expect(hung.error?.errorMessage).toMatch(/^[0-9a-f-]{36} Task timed out after 2\.00 seconds$/);
  expect(next).toEqual({ payload: 'ok' });
});

test('a crash ends one sandbox and leaves the events in the others alone', async () => {
  const source = `export const handler = async (event) => {
    if (event.how === 'exit') process.exit(3);
    if (event.how === 'throw') setTimeout(() => { throw new RangeError('late') }, 1);
    if (event.how === 'reject') Promise.reject(new RangeError('nobody waits'));
    await new Promise((resolve) => setTimeout(resolve, 150));
    return 'survived';
  }`;
  const arn = await deploy(context, lambda, 'crashes', source);
  const outcomes = await Promise.all(['exit', 'throw', 'reject', 'none'].map((how) => lambda.invoke(arn, { how })));
  expect(outcomes[0]!.error).toMatchObject({ errorType: 'Runtime.ExitError', errorMessage: expect.stringContaining('exit status 3') });
  expect(outcomes[1]!.error).toMatchObject({ errorType: 'RangeError', errorMessage: 'late' });
  expect(outcomes[2]!.error).toMatchObject({ errorType: 'Runtime.UnhandledPromiseRejection', errorMessage: 'RangeError: nobody waits' });
  expect(outcomes[3]).toEqual({ payload: 'survived' });
});

test('a function that runs out of memory ends alone', async () => {
  const source = `export const handler = async ({ grow }) => { const kept = []; while (grow) kept.push(new Array(100000).fill({})); return 'ok' }`;
  const arn = await deploy(context, lambda, 'grows', source, { Timeout: 120 });
  const [grown, calm] = await Promise.all([lambda.invoke(arn, { grow: true }), lambda.invoke(arn, {})]);
  expect(grown.error).toMatchObject({ errorType: 'Runtime.ExitError', errorMessage: expect.stringContaining('signal: killed') });
  expect(calm).toEqual({ payload: 'ok' });
});

test('a handler that cannot be loaded fails each event with the reason', async () => {
  const missing = await deploy(context, lambda, 'missing', 'export const other = 1');
  const broken = await deploy(context, lambda, 'broken', 'throw new TypeError("no TABLE")');
  expect((await lambda.invoke(missing, {})).error).toMatchObject({ errorType: 'Runtime.HandlerNotFound' });
  expect((await lambda.invoke(broken, {})).error).toMatchObject({ errorType: 'TypeError', errorMessage: 'no TABLE' });
  expect((await lambda.invoke(broken, {})).error).toMatchObject({ errorType: 'TypeError' });
});

test('as many events run at once as the concurrency allows, the others wait in order, and threads are reused', async () => {
  const source = `import { threadId } from 'node:worker_threads';
    let running = 0;
    export const handler = async ({ n }) => {
      running++;
      await new Promise((resolve) => setTimeout(resolve, 60));
      return { n, threadId, together: running-- };
    }`;
  const arn = await deploy(context, lambda, 'pool', source, { ReservedConcurrentExecutions: 2 });
  // Both threads are there: while one loads, the other would take more than its share.
  await Promise.all([-2, -1].map((n) => lambda.invoke(arn, { n })));
  const begun: number[] = [];
  const invoke = (n: number) => lambda.invoke(arn, { n }, { waits: (isWaiting) => isWaiting || begun.push(n) });
  const results = await Promise.all([0, 1, 2, 3, 4, 5].map(invoke));
  const seen = results.map((result) => result.payload as { n: number; threadId: number; together: number });
  expect(new Set(seen.map((result) => result.threadId)).size).toBe(2);
  expect(seen.every((result) => result.together === 1)).toBe(true);
  // When they are handed out: what has its thread may still begin late, on a busy machine.
  expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
});

test('an event says when it waits for a thread, and when one begins with it', async () => {
  const source = `console.log('loaded'); export const handler = async ({ n }) => { await new Promise((resolve) => setTimeout(resolve, 60)); return n; }`;
  const arn = await deploy(context, lambda, 'waits', source, { ReservedConcurrentExecutions: 1 });
  const told: string[] = [];
  const invoke = async (n: number) => {
    await lambda.invoke(arn, { n }, { waits: (isWaiting) => told.push(`${n} ${isWaiting ? 'waits' : 'begins'}`) });
    told.push(`${n} ends`);
  };
  await Promise.all([invoke(1), invoke(2)]);
  await invoke(3);
  expect(told.slice(0, 2)).toEqual(['1 waits', '2 waits']);
  expect(told.indexOf('2 begins')).toBeGreaterThan(told.indexOf('1 begins'));
  expect(told.slice(-3)).toEqual(['3 waits', '3 begins', '3 ends']);
});

test('reserved concurrency of zero throttles', async () => {
  const arn = await deploy(context, lambda, 'off', 'export const handler = async () => 1', { ReservedConcurrentExecutions: 0 });
  expect((await lambda.invoke(arn, {})).error?.errorType).toBe('Lambda.TooManyRequestsException');
});

test('what a function prints is in its log file', async () => {
  const arn = await deploy(
    context,
    lambda,
    'prints',
    'export const handler = async () => { console.log("out %d", 7); console.error("err") }',
  );
  expect(await lambda.invoke(arn, {})).toEqual({ payload: null });
  await lambda.close?.();
  const log = readFileSync(join(context.folder, 'logs', 'prints.log'), 'utf8');
  expect(log).toContain('out 7\n');
  expect(log).toContain('err\n');
  expect(log).toMatch(/^START RequestId/);
});

test('answers above 6 MB are errors of the function', async () => {
  const arn = await deploy(context, lambda, 'big', 'export const handler = async ({ size }) => "x".repeat(size)');
  expect((await lambda.invoke(arn, { size: 6_291_000 })).error).toBeUndefined();
  expect((await lambda.invoke(arn, { size: 6_291_600 })).error?.errorType).toBe('Function.ResponseSizeTooLarge');
});

test('functions trust the local certificate authority, unless they bring their own', async () => {
  const issued = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  const other = await generate([{ name: 'commonName', value: 'other' }]);
  const server = createServer({ key: issued.private, cert: issued.cert }, (_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await lambda.close?.();
    lambda = await startLambda(context, { certificate: issued.cert });
    const source = `import https from 'node:https';
      const get = (options) => new Promise((resolve) => https.get({ host: '127.0.0.1', port: ${port}, agent: false, ...options },
        (response) => { response.resume(); resolve(response.statusCode) }).on('error', (error) => resolve(error.code)));
      export const handler = async ({ ca }) => ({ https: await get(ca ? { ca } : {}),
        fetch: ca ? null : await fetch('https://127.0.0.1:${port}/').then((response) => response.text(), (error) => String(error.cause)) })`;
    const arn = await deploy(context, lambda, 'tls', source);
    expect((await lambda.invoke(arn, {})).payload).toEqual({ https: 200, fetch: 'hello' });
    expect((await lambda.invoke(arn, { ca: other.cert })).payload).toEqual({
      https: expect.stringMatching(/CERT|ISSUER|SELF/),
      fetch: null,
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('what cannot run is refused by name at the start', async () => {
  await expect(deploy(context, lambda, 'x', '', { Layers: ['arn'] })).rejects.toThrow(/Layers/);
  await expect(deploy(context, lambda, 'x', '', { Runtime: 'python3.13' })).rejects.toThrow(/Node/);
  await expect(deploy(context, lambda, 'x', '', { Code: { S3Bucket: 'assets', S3Key: 'missing' } })).rejects.toThrow(/no asset/);
});
