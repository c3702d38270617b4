/** What only bytes on a socket can show: sizes, chunks, slowness and methods that clients do not send, through the gateway and the deployed functions. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../functions/routes.ts';
import { synthesize } from './assembly.ts';
import { FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { bodyOf, expectProblem, push } from './requests.ts';

const LIST = '/v1/requests/staging';
const HOOK = '/v1/hooks/gates/run-none';
const KIB = 1024;

let cloud: FlowCloud;
beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize());
});
afterAll(() => cloud?.stop());

/** Writes the chunks on a connection of its own, `pauseMs` apart, and answers all that comes back until it ends or has a whole answer. */
async function speak(chunks: Iterable<string | Buffer>, pauseMs = 0): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(cloud.endpoints.api);
  const socket = connect(Number(port), hostname);
  let text = '';
  let isOver = false;
  socket.on('data', (data) => {
    text += data.toString('latin1');
  });
  const over = new Promise<void>((resolve) => {
    for (const event of ['close', 'error']) {
      socket.on(event, () => {
        isOver = true;
        resolve();
      });
    }
  });
  const isWhole = () => {
    const [head, body] = text.split('\r\n\r\n');
    const length = /content-length: (\d+)/i.exec(head ?? '')?.[1];
    return body !== undefined && (length === undefined ? isOver : body.length >= Number(length));
  };
  for (const chunk of chunks) {
    if (isOver || isWhole()) break;
    if (!socket.write(chunk)) await Promise.race([over, new Promise((resolve) => socket.once('drain', resolve))]);
    if (pauseMs > 0) await sleep(pauseMs);
  }
  const limit = Date.now() + 30_000;
  while (!isOver && !isWhole() && Date.now() < limit) await sleep(20);
  socket.destroy();
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text };
}

const head = (method: string, path: string, ...lines: string[]) =>
  `${[`${method} ${path} HTTP/1.1`, `host: ${new URL(cloud.endpoints.api).host}`, 'connection: close', ...lines].join('\r\n')}\r\n\r\n`;
const JSON_TYPE = 'content-type: application/json';

function* inChunks(first: string, size: number, total: number): Generator<string | Buffer> {
  yield first;
  const chunk = Buffer.alloc(size, ' ');
  for (let sent = 0; sent < total; sent += size) yield Buffer.concat([Buffer.from(`${size.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]);
  yield '0\r\n\r\n';
}

/** Bytes that this process, which the gateway is a part of, occupies; Linux only, like its reader. */
const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * KIB;

async function expectAlive() {
  expect((await cloud.api('GET', '/health')).status).toBe(200);
}

describe('a body', () => {
  it.each([LIST, HOOK])(
    'REST-04: of 256 KiB and one byte is refused before who sends it is asked, with and without its length: %s',
    async (path) => {
      const body = Buffer.alloc(256 * KIB + 1, ' ');
      const plain = await speak([head('POST', path, JSON_TYPE, `content-length: ${body.length}`), body]);
      expect([plain.status, plain.text], plain.text).toEqual([413, expect.stringContaining('PAYLOAD_TOO_LARGE')]);
      const chunked = await speak(inChunks(head('POST', path, JSON_TYPE, 'transfer-encoding: chunked'), 64 * KIB, body.length));
      expect([chunked.status, chunked.text], chunked.text).toEqual([413, expect.stringContaining('PAYLOAD_TOO_LARGE')]);
      // One byte less, and it is asked who that is.
      const least = await speak([head('POST', path, JSON_TYPE, `content-length: ${body.length - 1}`), body.subarray(1)]);
      expect(least.status, least.text).toBe(401);
      await expectAlive();
    },
  );

  it.each([LIST, HOOK])('REST-04: HOOK-02: of gigabytes is cut off without being kept: %s', async (path) => {
    await speak(inChunks(head('POST', path, JSON_TYPE, 'transfer-encoding: chunked'), 64 * KIB, 8 * KIB * KIB));
    // What the clock starts in the meantime is a part of this process as well: it has been started by now.
    await cloud.advance('PT1H');
    const before = resident();
    const endless = await speak(inChunks(head('POST', path, JSON_TYPE, 'transfer-encoding: chunked'), 256 * KIB, 2 * KIB * KIB * KIB));
    // Past what is thrown away for its sake, a sender that does not stop sees its connection end.
    expect([0, 413]).toContain(endless.status);
    expect(resident() - before).toBeLessThan(150 * KIB * KIB);
    const said = await speak([head('POST', path, JSON_TYPE, `content-length: ${2 * KIB * KIB * KIB}`)], 200);
    expect([0, 408, 413]).toContain(said.status);
    await expectAlive();
  });

  it('HOOK-02: that is compressed is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * KIB * KIB));
    for (const path of [LIST, HOOK]) {
      const answer = await speak([head('POST', path, JSON_TYPE, 'content-encoding: gzip', `content-length: ${bomb.length}`), bomb]);
      expect([answer.status, answer.text]).toEqual([415, expect.stringContaining('UNSUPPORTED_MEDIA_TYPE')]);
    }
    await expectAlive();
  });

  it('HOOK-02: that trickles in is not waited for', async () => {
    const trickle = Array.from({ length: 60 }, () => ' ');
    const slow = [LIST, HOOK].map((path) => speak([head('POST', path, JSON_TYPE, 'content-length: 1000'), ...trickle], 400));
    // Others are served meanwhile.
    await expectAlive();
    for (const { status, text } of await Promise.all(slow)) expect(status, text).toBe(408);
    await expectAlive();
  });
});

describe('a head', () => {
  it('REST-29: of 20 MB, or of very many headers, is refused, and the next request is served', async () => {
    const chunk = 'a'.repeat(256 * KIB);
    const long = await speak([head('GET', '/health').slice(0, -2), 'x-long: ', ...Array.from({ length: 80 }, () => chunk), '\r\n\r\n']);
    expect([0, 400, 431]).toContain(long.status);
    await expectAlive();
    const lines = (count: number, length: number) => Array.from({ length: count }, (_, index) => `x-${index}: ${'v'.repeat(length)}`);
    expect((await speak([head('GET', '/health', ...lines(200, 1))])).status).toBe(200);
    expect((await speak([head('GET', '/health', ...lines(200, 100))])).status).toBe(431);
    expect([0, 400, 431]).toContain((await speak([head('GET', '/health', ...lines(20_000, 1))])).status);
    await expectAlive();
  });

  it.each([
    ['two lengths', ['content-length: 2', 'content-length: 3']],
    ['a length and chunks', ['content-length: 2', 'transfer-encoding: chunked']],
    ['a line that is none', ['nonsense']],
    ['a NUL', ['x: a\0b']],
  ])('REST-29: with %s is no request', async (_what, lines) => {
    const answer = await speak([head('POST', LIST, JSON_TYPE, ...lines), '{}']);
    expect([400, 401]).toContain(answer.status);
    await expectAlive();
  });
});

describe('a method', () => {
  it('REST-26: that a route does not have is 405 with those that it has, whatever an override says', async () => {
    const token = await cloud.token('admin');
    const paths = new Map<string, Set<string>>();
    for (const { path, method } of ROUTES) paths.set(path, (paths.get(path) ?? new Set()).add(method));
    const wrong: string[] = [];
    for (const [path, methods] of paths) {
      const place = path.replace('{env}', 'staging').replace(/\{\w+\}/g, 'x');
      for (const method of ['HEAD', 'OPTIONS', 'PUT', 'TRACE']) {
        const { status, text } = await speak([
          head(method, place, `authorization: Bearer ${token}`, 'x-http-method-override: POST', 'x-http-method: POST', 'content-length: 0'),
        ]);
        const allow = /^allow: (.*)\r$/im.exec(text)?.[1];
        const isRight = status === 405 && [...methods].every((each) => allow?.split(', ').includes(each));
        if (!isRight) wrong.push(`${method} ${place}: ${status} allow ${allow}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('a version', () => {
  it('REST-21: that moves is none', async () => {
    await push(cloud, '3.0.0', 'true', { name: 'mover' });
    await push(cloud, 'latest', 'true', { name: 'mover' });
    for (const version of ['latest', 'latest-dev', 'vlatest']) {
      const answer = await cloud.api('POST', LIST, { as: 'dev', body: bodyOf(version, { name: 'mover' }) });
      expectProblem(answer, 422, 'VERSION_REFUSED');
    }
  });
});

it('answered nothing that its OpenAPI document does not describe', () => expectDescribed(cloud));
