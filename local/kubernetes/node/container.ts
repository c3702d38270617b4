/** What a container is here: a request handler made for an image and a pod, or the reason why it crashes at once. */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';

export interface ContainerImage {
  /** Digest that the image reference resolved to: of the index where there is one. */
  digest: string;
  /** Labels of the image config. */
  labels: Record<string, string>;
  /** Environment of the image config with the container's own on top. */
  env: Record<string, string>;
}

export interface PodInfo {
  name: string;
  namespace: string;
  labels: Record<string, string>;
  /** Share (0..1) of the running pods behind the pod's Services that run the same image. */
  share(): number;
}

export type RunningContainer = { handle(request: IncomingMessage, response: ServerResponse): void } | { crash: string };
export type RunContainer = (image: ContainerImage, pod: PodInfo) => RunningContainer;

/** Sends a GET to a handler without a network and answers the status; undefined when it takes longer than the limit. */
export function probeHandler(
  container: Exclude<RunningContainer, { crash: string }>,
  path: string,
  headers: Record<string, string>,
  limitMs: number,
): Promise<number | undefined> {
  const request = new IncomingMessage(new Socket());
  request.method = 'GET';
  request.url = path.startsWith('/') ? path : `/${path}`;
  request.headers = { host: '127.0.0.1', 'user-agent': 'kube-probe/1.34', ...headers };
  request.push(null);
  const response = new ServerResponse(request);
  response.assignSocket(new Writable({ write: (_chunk, _encoding, done) => done() }) as unknown as Socket);
  return new Promise((resolve) => {
    // HTTP time-outs count real seconds.
    const limit = setTimeout(() => resolve(undefined), limitMs);
    response.on('finish', () => {
      clearTimeout(limit);
      resolve(response.statusCode);
    });
    try {
      container.handle(request, response);
    } catch {
      clearTimeout(limit);
      resolve(500);
    }
  });
}
