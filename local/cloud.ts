/** Starts and stops a local cloud: data folder, clock, services, stacks, and `endpoints.json` by which everyone else finds it. */
import { openCertificateAuthority } from './certificate-authority.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { writeFileDurably } from './durable-file.ts';
import type { Issuer } from './issuer/issuer.ts';
import { Kernel } from './kernel.ts';
import type { LocalService } from './service.ts';
import { createServices } from './services.ts';
import { type Place, readAssembly } from './template/assembly.ts';
import { provisionStacks } from './template/provision.ts';
import type { RunningCloud, Surroundings, World } from './world.ts';

/** Real time that a stop waits for requests and functions under way. */
const STOP_LIMIT_MS = 10_000;

export interface CloudOptions {
  /** Folder of the cloud assembly. */
  assembly: string;
  /** Folder that keeps the state, or the same already opened. */
  dataFolder: string | DataFolder;
  world: World;
  /** Values for stack parameters that win over the world's. */
  parameters?: Record<string, string>;
  /** Every wait lasts this share of its length; 1 unless given. */
  timeScale?: number;
  /** Wanted port of the HTTP API; 0 or absent: a free one. A data folder keeps its ports. */
  port?: number;
  log?(message: string, fields?: Record<string, unknown>): void;
}

export interface StartedCloud {
  /** What `endpoints.json` holds. */
  endpoints: Record<string, unknown>;
  close(): Promise<void>;
}

/**
 * Throws `StartFailure` (locked folder), `PortTaken`, or `TemplateError` (a stack that cannot be provisioned); whatever was opened is closed again.
 */
export async function startCloud(options: CloudOptions): Promise<StartedCloud> {
  const { world } = options;
  const data = typeof options.dataFolder === 'string' ? openDataFolder(options.dataFolder) : options.dataFolder;
  const place: Place = { region: world.region, account: world.account, partition: 'aws' };
  const log = options.log ?? logToStderr;
  const kernel = new Kernel({ data, place, timeScale: options.timeScale ?? 1, log });
  const services: LocalService[] = [];
  let issuer: Issuer | undefined;
  const close = async (): Promise<void> => {
    for (const service of services.splice(0).reverse()) {
      await service.close?.().catch((error: Error) => log(`${service.name} did not close`, { error: error.stack ?? String(error) }));
    }
    await issuer?.close();
    await kernel.listeners.close();
    kernel.clock.close();
    data.release();
  };
  try {
    const now = (): Date => kernel.clock.date();
    const aws = await kernel.listeners.open('aws', { now });
    const api = await kernel.listeners.open('api', { now, port: options.port ?? 0 });
    await kernel.listeners.listen('aws', kernel.gateway.listener);
    kernel.listeners.serve('aws');
    const ca = await openCertificateAuthority(data.folder('certificate-authority'));
    const made = await createServices(kernel, { aws: aws.origin, api: api.origin, apiPort: options.port ?? 0, authority: ca, world });
    services.push(...made.all);
    issuer = made.issuer;
    kernel.mount(services);
    const surroundings: Surroundings = {
      region: place.region,
      account: place.account,
      dataFolder: data.path,
      api: api.origin,
      aws: aws.origin,
      mail: made.mail,
      issuer: made.issuer,
      kubernetes: made.eks?.kubernetesOrigin,
      registries: made.registries,
      ca: { file: ca.certificateFile, pem: ca.certificate },
    };
    const stacks = await provisionStacks({
      assembly: readAssembly(options.assembly, place),
      place,
      parameters: { ...(await world.parameters(surroundings)), ...options.parameters },
      provider: (type) => kernel.provider(type),
      verify: (request, result) => kernel.verify(request, result),
    });
    await kernel.iam.verifyPolicies();
    for (const service of services) await service.start?.();
    // Not before: half of the routes would be answered as unknown.
    kernel.listeners.serve('api');
    const running: RunningCloud = {
      ...surroundings,
      awsAdmin: kernel.credentials.admin,
      outputs: Object.fromEntries(stacks.map(({ name, outputs }) => [name, outputs])),
      kubeconfig: made.eks?.kubeconfig,
      apps: made.eks?.apps() ?? {},
      now,
    };
    const endpoints = { ...endpointsOf(running), ...(await world.seed?.(running)), pid: process.pid };
    writeFileDurably(data.file('endpoints.json'), `${JSON.stringify(endpoints, null, 2)}\n`);
    return {
      endpoints,
      close: async () => {
        kernel.listeners.drain('api');
        await Promise.race([settled(kernel), new Promise((resolve) => setTimeout(resolve, STOP_LIMIT_MS).unref())]);
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function endpointsOf(cloud: RunningCloud): Record<string, unknown> {
  const { api, aws, awsAdmin, mail = null, registries, kubernetes = null, kubeconfig = null, apps, ca } = cloud;
  return { api, aws, awsAdmin, mail, console: null, registries, kubernetes, kubeconfig, ca: ca.file, apps };
}

/** Resolves once no request is answered and nothing that the clock tracks runs. */
async function settled(kernel: Kernel): Promise<void> {
  await kernel.gateway.idle();
  await kernel.clock.advance(0);
}

function logToStderr(message: string, fields?: Record<string, unknown>): void {
  process.stderr.write(`${message}${fields ? ` ${JSON.stringify(fields)}` : ''}\n`);
}
