import { afterEach, describe, expect, it } from 'vitest';
import { greenlight, type ScriptedApi, scriptApi } from './command-line.ts';

let api: ScriptedApi | undefined;
afterEach(() => api?.close());

describe('answers of the server', () => {
  it.each([
    [400, 2],
    [401, 3],
    [403, 3],
    [404, 1],
    [409, 4],
    [410, 4],
    [413, 2],
    [415, 2],
    [422, 2],
    [429, 6],
    [500, 6],
    [503, 6],
  ])('CLI-03 turns %i into exit %i, one line for people and an object for programs', async (status, exitCode) => {
    api = await scriptApi(() => ({ status, body: { code: 'SOME_CODE', detail: 'no, because', hint: 'do this', requestId: 'r-1' } }));
    const people = await greenlight(['status'], { env: api.env });
    expect(people).toEqual({ exitCode, stdout: '', stderr: 'greenlight: no, because [SOME_CODE]\n  do this\n' });
    const programs = await greenlight(['status', '--json'], { env: api.env });
    expect(programs.exitCode).toBe(exitCode);
    expect(JSON.parse(programs.stdout)).toEqual({
      error: { status, code: 'SOME_CODE', message: 'no, because', hint: 'do this', requestId: 'r-1', exitCode },
    });
  });

  it('names each field that is wrong', async () => {
    const errors = [{ path: '/request/justification', message: 'must have at least 20 visible characters' }];
    api = await scriptApi(() => ({ status: 400, body: { code: 'INVALID_REQUEST', detail: 'the body is wrong', errors } }));
    const { stderr } = await greenlight(['status'], { env: api.env });
    expect(stderr).toContain('  /request/justification: must have at least 20 visible characters\n');
  });

  it('understands what a gateway itself says', async () => {
    api = await scriptApi(() => ({ status: 503, body: { message: 'Service Unavailable' } }));
    expect((await greenlight(['status'], { env: api.env })).stderr).toBe('greenlight: Service Unavailable [503]\n');
  });

  it('CLI-03 ends with 6 where nothing listens, and where something else does', async () => {
    // Nobody serves this port, and nobody is given it while the tests run.
    const env = { GREENLIGHT_API: 'http://127.0.0.1:2', GREENLIGHT_TOKEN: 'x' };
    expect(await greenlight(['status'], { env })).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('ECONNREFUSED') });
    api = await scriptApi(() => ({ body: '<html>hello</html>' }));
    expect(await greenlight(['status'], { env: api.env })).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('BAD_ANSWER') });
  });

  it('does not let text of the server act on the terminal', async () => {
    api = await scriptApi(() => ({ status: 409, body: { code: 'X', detail: 'a\u001b[2Jb\r\nc\u202ed', hint: '\u0007' } }));
    const { stderr } = await greenlight(['status'], { env: api.env });
    expect(stderr).toBe('greenlight: a\\u001b[2Jb c\\u202ed [X]\n  \\u0007\n');
  });

  it('sends the token to the API only, and never shows it', async () => {
    api = await scriptApi(() => ({ body: { items: [] } }));
    const ran = await greenlight(['status', '--json'], { env: api.env });
    expect(api.received[0]!.headers).toMatchObject({ authorization: 'Bearer token-of-the-test', 'x-greenlight-client': 'cli' });
    expect(JSON.stringify(ran)).not.toContain('token-of-the-test');
  });
});
