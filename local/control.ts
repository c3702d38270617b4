/** The endpoints under `/_local/` by which tests move the clock, inject faults and read the calls. They need no signature. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import type { Calls } from './calls.ts';
import type { Clock } from './clock.ts';
import { type Faults, faultSchema } from './faults.ts';
import { readBody, sendJson } from './http-body.ts';
import { parseIsoDuration } from './iso-duration.ts';

export interface ControlOptions {
  clock: Clock;
  faults: Faults;
  calls: Calls;
  /** Names that a fault may give as `service`. */
  faultServices(): string[];
}

const BODY_LIMIT = 64 * 1024;
const advanceSchema = z.strictObject({ advance: z.string() });

export async function handleControl(options: ControlOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const body = await readBody(request, BODY_LIMIT);
  if (!body) return sendJson(response, 413, { message: 'the body is too large' });
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /_local/clock':
      return sendJson(response, 200, { now: options.clock.date().toISOString() });
    case 'POST /_local/clock':
      return advance(options, response, body);
    case 'GET /_local/faults':
      return sendJson(response, 200, options.faults.list());
    case 'POST /_local/faults':
      return addFault(options, response, body);
    case 'DELETE /_local/faults':
      options.faults.clear();
      response.writeHead(204).end();
      return;
    case 'GET /_local/calls':
      return listCalls(options, response, url.searchParams.get('since'));
    default:
      return sendJson(response, 404, { message: `there is no ${request.method} ${url.pathname}` });
  }
}

async function advance(options: ControlOptions, response: ServerResponse, body: Buffer): Promise<void> {
  const parsed = advanceSchema.safeParse(json(body));
  const milliseconds = parsed.success ? parseIsoDuration(parsed.data.advance) : undefined;
  if (milliseconds === undefined) {
    return sendJson(response, 400, { message: 'give {"advance": an ISO 8601 duration of at most 100 years, e.g. "PT11M" or "P7D"}' });
  }
  await options.clock.advance(milliseconds);
  sendJson(response, 200, { now: options.clock.date().toISOString() });
}

function addFault(options: ControlOptions, response: ServerResponse, body: Buffer): void {
  const parsed = faultSchema.safeParse(json(body));
  if (!parsed.success) {
    sendJson(response, 400, { message: z.prettifyError(parsed.error) });
    return;
  }
  const services = options.faultServices();
  if (!services.includes(parsed.data.service)) {
    sendJson(response, 400, { message: `no service ${parsed.data.service}: one of ${services.join(', ')}` });
    return;
  }
  options.faults.add(parsed.data);
  sendJson(response, 201, parsed.data);
}

function listCalls(options: ControlOptions, response: ServerResponse, since: string | null): void {
  const instant = since === null ? 0 : /^\d+$/.test(since) ? Number(since) : Date.parse(since);
  if (Number.isNaN(instant)) sendJson(response, 400, { message: 'since is an ISO 8601 time or milliseconds since the epoch' });
  else sendJson(response, 200, options.calls.since(instant));
}

function json(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
