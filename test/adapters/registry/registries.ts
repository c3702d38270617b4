/** Real registries on loopback as the product sees them, and a proxy in front of one that can misbehave. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { forgetAccess } from '../../../adapters/registry/registry-access.ts';
import type { RegistryConfiguration } from '../../../core/environment/configuration.ts';
import type { RegistryOptions } from '../../../local/registry/registry-server.ts';
import { openTestEcr, type TestEcr } from '../../local/ecr/open-test-ecr.ts';
import { COPIER, openTestRegistry, type TestRegistry } from '../../local/registry/open-test-registry.ts';

export const REPOSITORY = 'payment-api';

export interface Place {
  registry: TestRegistry;
  configuration: RegistryConfiguration;
  origin: string;
}

const open: (() => Promise<void>)[] = [];

/** Starts a registry and allows its origin. */
export async function startRegistry(name: string, options: Partial<RegistryOptions> = {}): Promise<Place> {
  const registry = await openTestRegistry(options);
  open.push(() => registry.dispose());
  allow(registry.origin);
  return { registry, origin: registry.origin, configuration: configurationOf(name, registry.origin) };
}

export interface EcrPlace {
  ecr: TestEcr;
  configuration: RegistryConfiguration;
  origin: string;
}

const ACCOUNT = '333333333333';

/** Starts an ECR with the deviations of the real one, to which the product finds by AWS_ENDPOINT_URL. */
export async function startEcr(name: string): Promise<EcrPlace> {
  const ecr = await openTestEcr({
    caller: COPIER,
    registries: [{ name, account: ACCOUNT, anonymous: 'read', trustedRolePattern: COPIER.roleArn!, ecrUploads: true }],
  });
  const variables = { AWS_ENDPOINT_URL: ecr.endpoint, AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' };
  Object.assign(process.env, variables);
  open.push(async () => {
    for (const variable of Object.keys(variables)) delete process.env[variable];
    await ecr.dispose();
  });
  const origin = `http://${ecr.ecr.origins[name]}`;
  allow(origin);
  return { ecr, origin, configuration: { name, account: ACCOUNT, prefix: '' } };
}

export function configurationOf(name: string, origin: string, prefix = ''): RegistryConfiguration {
  return { name, origin, prefix };
}

export function allow(origin: string): void {
  process.env['ALLOWED_ORIGINS'] = [process.env['ALLOWED_ORIGINS'], origin].filter(Boolean).join(',');
}

/** True when it has answered; otherwise the request goes to the real registry. */
export type Misbehaviour = (message: IncomingMessage, response: ServerResponse) => boolean;

/** A proxy in front of `origin`; `misbehave` may be set at any time, `seen` holds `METHOD path` of every request. */
export async function startProxy(origin: string): Promise<{ origin: string; seen: string[]; misbehave: Misbehaviour }> {
  const state = { origin: '', seen: [] as string[], misbehave: (() => false) as Misbehaviour };
  const server = createServer((message, response) => {
    state.seen.push(`${message.method} ${message.url}`);
    if (state.misbehave(message, response)) return;
    const { host: _host, ...headers } = message.headers;
    const onward = request(new URL(message.url!, origin), { method: message.method!, headers }, (answer) => {
      const location = answer.headers.location?.replace(origin, state.origin);
      response.writeHead(answer.statusCode!, { ...answer.headers, ...(location && { location }) });
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    message.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  allow(state.origin);
  open.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return state;
}

/** Ends everything that a test started. */
export async function stopRegistries(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
  delete process.env['ALLOWED_ORIGINS'];
  forgetAccess();
}

/** Requests of the product at a registry, e.g. `POST upload`, in order. */
export function operations(place: Place): string[] {
  return place.registry.context.calls.map(({ operation }) => operation);
}
