/**
 * The demo's workload: what a container of `payment-api` answers. The image label `greenlight.demo.healthy` says how it fares:
 * `true` or absent: well; `false`: ready, but `/api/health` answers 500; `after-50`: well below half of the pods, 500 from half on (`after-100`: when all run it, and
 * so with any number);
 * `crash`: never starts; `until-told`: well until somebody sends `POST /break`, then `/api/health` answers 500 in every pod.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ContainerImage, PodInfo, RunningContainer } from '../kubernetes/node/container.ts';

const HEALTH_LABEL = 'greenlight.demo.healthy';
/** Digests labelled `until-told` that somebody has told to break. */
const broken = new Set<string>();
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
  const [, from] = /^after-(\d{1,3})$/.exec(behaviour) ?? [];
  const healthy = () => {
    if (from !== undefined) return pod.share() < Number(from) / 100;
    return behaviour !== 'false' && !broken.has(image.digest);
  };
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
  if (path === '/break' && request.method === 'POST' && image.labels[HEALTH_LABEL] === 'until-told') {
    broken.add(image.digest);
    response.writeHead(204).end();
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
