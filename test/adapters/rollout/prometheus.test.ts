import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { askPrometheus } from '../../../adapters/rollout/prometheus.ts';
import type { MetricCheck } from '../../../core/environment/configuration.ts';

let server: Server;
let check: MetricCheck;
let answers: { status: number; body: string }[];
let asked: string[];

const vector = (...values: unknown[]) =>
  JSON.stringify({ status: 'success', data: { resultType: 'vector', result: values.map((each) => ({ metric: {}, value: [1, each] })) } });

beforeAll(async () => {
  server = createServer((message, response) => {
    asked.push(message.url!);
    const { status, body } = answers.length > 1 ? answers.shift()! : answers[0]!;
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env['ALLOWED_ORIGINS'] = origin;
  check = { name: 'errors', prometheus: `${origin}/prometheus/`, query: 'q', max: 1 };
});
beforeEach(() => {
  asked = [];
});
afterAll(() => {
  delete process.env['ALLOWED_ORIGINS'];
  server.close();
});

it.each([
  [vector('0.25'), { kind: 'value', value: 0.25 }],
  [vector('1e-3'), { kind: 'value', value: 0.001 }],
  [vector('NaN'), { kind: 'value', value: Number.NaN }],
  [vector('+Inf'), { kind: 'value', value: Number.POSITIVE_INFINITY }],
  [vector('-Inf'), { kind: 'value', value: Number.NEGATIVE_INFINITY }],
  [JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [1, '7'] } }), { kind: 'value', value: 7 }],
  [vector(), { kind: 'none', reason: 'the query found nothing' }],
  [vector('1', '2'), { kind: 'none', reason: 'the query found 2 series where one is needed' }],
  [vector(1), { kind: 'none', reason: 'the metrics service did not answer a number' }],
  [vector('0x10'), { kind: 'none', reason: 'the metrics service did not answer a number' }],
  [
    JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [[1, '1']] } }),
    { kind: 'none', reason: 'the metrics service did not answer a number' },
  ],
  [JSON.stringify({ status: 'error', error: 'parse error' }), { kind: 'none', reason: 'the metrics service did not answer a result' }],
  ['<html>', { kind: 'none', reason: 'the metrics service did not answer JSON' }],
  ['null', { kind: 'none', reason: 'the metrics service did not answer a result' }],
])('reads %s', async (body, answer) => {
  answers = [{ status: 200, body }];
  expect(await askPrometheus(check, 'up{a="b"}')).toEqual(answer);
  expect(asked).toEqual([`/prometheus/api/v1/query?query=${new URLSearchParams({ q: 'up{a="b"}' }).toString().slice(2)}`]);
});

it('asks again while the service is away, and gives up as inconclusive', async () => {
  answers = [
    { status: 503, body: '' },
    { status: 200, body: vector('3') },
  ];
  expect(await askPrometheus(check, 'q')).toEqual({ kind: 'value', value: 3 });
  answers = [{ status: 503, body: '' }];
  asked = [];
  expect(await askPrometheus(check, 'q')).toEqual({ kind: 'none', reason: 'the metrics service answered 503', unreached: true });
  expect(asked).toHaveLength(3);
  answers = [{ status: 400, body: '' }];
  asked = [];
  expect(await askPrometheus(check, 'q')).toEqual({ kind: 'none', reason: 'the metrics service answered 400', unreached: true });
  expect(asked).toHaveLength(1);
});
