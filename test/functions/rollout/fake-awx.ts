/** An AWX as far as a rollout uses it: templates are launched, their jobs listed newest first, and jobs cancelled while they run. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeJob {
  id: number;
  extra_vars: string;
  status: 'running' | 'successful' | 'canceled';
}

export interface FakeAwx {
  /** Address of template 42 to launch at. */
  launchUrl: string;
  origin: string;
  /** Oldest first. */
  jobs: FakeJob[];
  /** Method and path of every call, and the token that it had. */
  calls: string[];
  tokens: Set<string | undefined>;
  /** The next launch is done, and its answer is lost. */
  loseAnswer: boolean;
  /** What is answered to calls instead, by the end of their path. */
  refuse: Record<string, number>;
  launch(variables: object): FakeJob;
  close(): Promise<void>;
}

const FIRST_ID = 5678;

export async function startAwx(): Promise<FakeAwx> {
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      const url = new URL(request.url!, 'http://awx');
      awx.calls.push(`${request.method} ${url.pathname}${url.search}`);
      awx.tokens.add(request.headers.authorization);
      const answer = (status: number, value: unknown) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
      const refused = Object.entries(awx.refuse).find(([end]) => url.pathname.endsWith(end));
      if (refused) return answer(refused[1], { detail: 'refused' });
      if (request.method === 'POST' && url.pathname === '/api/v2/job_templates/42/launch/') {
        const { id } = awx.launch((JSON.parse(body) as { extra_vars: object }).extra_vars);
        if (!awx.loseAnswer) return answer(201, { job: id, id, status: 'pending', ignored_fields: {} });
        awx.loseAnswer = false;
        return response.destroy();
      }
      if (request.method === 'GET' && url.pathname === '/api/v2/job_templates/42/jobs/') {
        // As AWX does: variables may hold secrets, so nobody may search by them.
        if ([...url.searchParams.keys()].some((key) => key.startsWith('extra_vars')))
          return answer(403, { detail: 'Filtering on extra_vars is not allowed.' });
        const results = url.searchParams.get('order_by') === '-id' ? [...awx.jobs].reverse() : awx.jobs;
        return answer(200, {
          count: results.length,
          next: null,
          results: results.slice(0, Number(url.searchParams.get('page_size') ?? 25)),
        });
      }
      const [, id] = /^\/api\/v2\/jobs\/(\d+)\/cancel\/$/.exec(url.pathname) ?? [];
      const job = awx.jobs.find((each) => each.id === Number(id));
      if (request.method !== 'POST' || !job) return answer(404, { detail: 'Not found.' });
      if (job.status !== 'running') return answer(405, { detail: 'Method "POST" not allowed.' });
      job.status = 'canceled';
      return answer(202, {});
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const awx: FakeAwx = {
    origin,
    launchUrl: `${origin}/api/v2/job_templates/42/launch/`,
    jobs: [],
    calls: [],
    tokens: new Set(),
    loseAnswer: false,
    refuse: {},
    launch(variables) {
      const job: FakeJob = { id: FIRST_ID + awx.jobs.length, extra_vars: JSON.stringify(variables), status: 'running' };
      awx.jobs.push(job);
      return job;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return awx;
}

async function readAll(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}
