/**
 * The demo's workload: what a container of `payment-api` answers. The image label `greenlight.demo.healthy` says how it fares:
 * `true` or absent: well; `false`: ready, but `/api/health` answers 500; `after-50`: well below half of the pods, 500 from half on;
 * `crash`: never starts.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ContainerImage, PodInfo, RunningContainer } from '../kubernetes/node/container.ts';

const HEALTH_LABEL = 'greenlight.demo.healthy';
const BEARER = /^Bearer\s+\S+$/i;

const LOGIN_PAGE = `<!doctype html>
<html lang="en"><title>Payment API</title>
<form method="post" action="/login"><h1>Sign In</h1>
<label>User <input name="user"></label> <label>Password <input name="password" type="password"></label> <button>Sign In</button></form></html>
`;

/** Makes the handler of one container, or says why it crashes. */
export function runSampleApp(image: ContainerImage, pod: PodInfo): RunningContainer {
  const behaviour = image.labels[HEALTH_LABEL] ?? 'true';
  if (behaviour === 'crash') return { crash: 'payment-api: cannot start: the image is labelled to crash' };
  const healthy = () => (behaviour === 'after-50' ? pod.share() < 0.5 : behaviour !== 'false');
  return { handle: (request, response) => answer(request, response, image, pod, healthy) };
}

interface Reply {
  status: number;
  body: unknown;
}

function answer(request: IncomingMessage, response: ServerResponse, image: ContainerImage, pod: PodInfo, healthy: () => boolean): void {
  const path = (request.url ?? '/').split('?')[0];
  if (path === '/login') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(LOGIN_PAGE);
    return;
  }
  const { status, body } = request.method === 'GET' || request.method === 'HEAD' ? reply(path!, request, image, pod, healthy) : NOT_ALLOWED;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const NOT_ALLOWED: Reply = { status: 405, body: { error: 'method not allowed' } };

function reply(path: string, request: IncomingMessage, image: ContainerImage, pod: PodInfo, healthy: () => boolean): Reply {
  switch (path) {
    case '/healthz':
      return { status: 200, body: { status: 'ok' } };
    case '/api/health':
      return healthy() ? { status: 200, body: { status: 'ok' } } : { status: 500, body: { status: 'failing' } };
    case '/api/ready':
      return { status: 200, body: { status: 'ready' } };
    case '/api/v1/user/me':
      if (!BEARER.test(request.headers.authorization ?? '')) return { status: 401, body: { error: 'unauthorized' } };
      return { status: 200, body: { id: 'smoke-test' } };
    case '/version':
      return {
        status: 200,
        body: { digest: image.digest, version: image.labels['org.opencontainers.image.version'] ?? null, pod: pod.name },
      };
    default:
      return { status: 404, body: { error: 'not found' } };
  }
}
