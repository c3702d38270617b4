/**
 * Runs the bundle of one function in a process of its own, so that nothing but the function is in its CPU time: started by function-cpu.ts, which sends
 * the calls and gets the cost of each portion. Table, registry, issuer and keys are behind sockets of another process.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ApiRequest } from '../local/http-api/api-request.ts';
import { proxyEvent } from '../local/http-api/proxy-event.ts';
import { RouteTable } from '../local/http-api/route-table.ts';
import { trustCertificate } from '../local/lambda/trust-certificate.ts';

export interface FunctionStart {
  /** Folder of the bundle. */
  folder: string;
  /** The local certificate authority (PEM). */
  certificate: string;
  /** Variables of the function, with the credentials and the endpoint that AWS would give it. */
  variables: Record<string, string>;
}

export interface FunctionCall {
  routeKey: string;
  path: string;
  token: string;
  body: string;
}

export interface Portion {
  /** Milliseconds of processor time for each call, of user and system together. */
  cpuMs: number;
  /** Status and body of each answer. */
  answers: { status: number; body: string }[];
}

type Handler = (event: unknown, context: unknown) => Promise<{ statusCode: number; body: string }>;

let handler: Handler;

process.on('message', async (message: { start: FunctionStart } | { calls: FunctionCall[] }) => {
  if ('start' in message) process.send!(await start(message.start));
  else process.send!(await run(message.calls));
});
// The parent has ended, whatever the reason.
process.on('disconnect', () => process.exit(0));

async function start({ folder, certificate, variables }: FunctionStart): Promise<'ready'> {
  trustCertificate(certificate);
  Object.assign(process.env, variables, { LAMBDA_TASK_ROOT: folder });
  ({ handler } = (await import(pathToFileURL(join(folder, 'index.mjs')).href)) as { handler: Handler });
  // What a function logs goes to a service that is not measured here.
  console.log = () => {};
  return 'ready';
}

async function run(calls: readonly FunctionCall[]): Promise<Portion> {
  const events = calls.map(eventOf);
  const answers: Portion['answers'] = [];
  const before = process.cpuUsage();
  for (const event of events) {
    const { statusCode, body } = await handler(event, {});
    answers.push({ status: statusCode, body });
  }
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1_000 / calls.length, answers };
}

function eventOf({ routeKey, path, token, body }: FunctionCall): unknown {
  const routes = new RouteTable();
  routes.add({ key: routeKey, integrationId: 'function' });
  const [method = ''] = routeKey.split(' ');
  const headers = { host: '127.0.0.1', authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const request: ApiRequest = { method, path, rawQuery: '', headers, cookies: [], body: Buffer.from(body), protocol: 'HTTP/1.1' };
  const place = { accountId: '000000000000', apiId: 'api', stage: '$default', requestId: crypto.randomUUID(), now: new Date(), port: 80 };
  return proxyEvent(request, routes.match(method, path)!, { ...place, sourceIp: '127.0.0.1' });
}
