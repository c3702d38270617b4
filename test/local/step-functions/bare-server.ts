/** The service behind a bare loopback port, without IAM, for tests that speak to it through the SDK. */
import type { IncomingMessage } from 'node:http';
import type { LocalService } from '../../../local/service.ts';
import { createStepFunctions } from '../../../local/step-functions/step-functions.ts';
import { makeContext, type TestContext, type TestContextOptions } from '../context.ts';

export interface BareServer {
  endpoint: string;
  context: TestContext;
  service: LocalService;
  /** Stops and keeps the data. */
  close(): Promise<void>;
}

export async function startStepFunctions({ region, ...options }: TestContextOptions & { region?: string } = {}): Promise<BareServer> {
  const made = makeContext('states', options);
  const context = region === undefined ? made : Object.assign(made, { region });
  const service = await createStepFunctions(context);
  await service.start?.();
  const { origin } = await context.listeners.listen('states', (request, response) => {
    void (async () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const answer = await service.handle({
        method: request.method!,
        url: new URL(request.url!, origin),
        headers,
        body: await bodyOf(request),
        caller: { kind: 'admin', accessKeyId: 'test' },
        requestId: 'test',
        presigned: false,
      });
      response.writeHead(answer.status, answer.headers).end(answer.body as string);
    })();
  });
  const close = async () => {
    await service.close?.();
    await context.stop();
  };
  return { endpoint: origin, context, service, close };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
