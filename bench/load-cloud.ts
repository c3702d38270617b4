/** The cloud that is put under load: `npm start` in a child process, with data of its own and a staging where two people have to agree. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { greenlightJson } from '../local/demo/command-line.ts';
import { type DemoCloud, type DemoEndpoints, ROOT, startDemoCloud } from '../local/demo/demo-cloud.ts';
import { buildPaymentImage } from '../local/demo/payment-image.ts';
import { pushImage } from '../local/demo/push-image.ts';

/** People of the demo who take part, by the local part of their address; `cpi3` is added to its configuration. */
export const PEOPLE = ['dev', 'cpi', 'cpi2', 'cpi3', 'lead', 'viewer', 'outsider'] as const;
export type Person = (typeof PEOPLE)[number];
/** Who may agree; two of them must. */
export const APPROVERS: readonly Person[] = ['cpi', 'cpi2', 'cpi3'];
export const ENVIRONMENT = 'staging';
export const VERSION = '1.0.0';
const ARTIFACTS = 20;

export interface LoadCloud {
  /** Holds everything that belongs to it. */
  folder: string;
  dataFolder: string;
  endpoints: DemoEndpoints;
  pid: number;
  tokens: Readonly<Record<Person, string>>;
  /** Names of artifacts without workload whose VERSION waits in dev. */
  artifacts: readonly string[];
  stop(): Promise<void>;
}

/** The project's own configuration, with what the load needs: a quorum of two, and nothing that starts by itself once they agreed. */
export function loadConfiguration(): string {
  const document = parseDocument(readFileSync(join(ROOT, 'greenlight.yaml'), 'utf8'));
  document.setIn(['environments', ENVIRONMENT, 'approvals'], [{ name: 'quorum', rules: [{ role: 'cpi', min: 2 }] }]);
  document.setIn(['environments', ENVIRONMENT, 'execute'], 'manual');
  document.addIn(
    ['people'],
    document.createNode({ subject: 'cpi3', email: 'cpi3@example.com', name: 'Cleo Cpi', tenants: ['tenant-finance'], roles: ['cpi'] }),
  );
  return document.toString();
}

export async function startLoadCloud(abort: AbortSignal): Promise<LoadCloud> {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-load-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  // When this process ends before it stops the cloud, which its own listener ends first.
  process.once('exit', remove);
  let cloud: DemoCloud | undefined;
  const stop = async () => {
    await cloud?.stop();
    process.off('exit', remove);
    remove();
  };
  try {
    const configuration = join(folder, 'greenlight.yaml');
    writeFileSync(configuration, loadConfiguration());
    cloud = await startDemoCloud(folder, 1, abort, '--config', configuration);
    const { dataFolder, endpoints, pid } = cloud;
    const tokens = await signIn(dataFolder);
    return { folder, dataFolder, endpoints, pid, tokens, artifacts: await pushArtifacts(endpoints), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function signIn(dataFolder: string): Promise<Record<Person, string>> {
  const tokens: Partial<Record<Person, string>> = {};
  for (const person of PEOPLE) {
    const { token } = await greenlightJson<{ token: string }>(['token', '--as', `${person}@example.com`, '--data', dataFolder]);
    tokens[person] = token;
  }
  return tokens as Record<Person, string>;
}

async function pushArtifacts({ registries }: DemoEndpoints): Promise<string[]> {
  const image = await buildPaymentImage(VERSION, 'true');
  const names = Array.from({ length: ARTIFACTS }, (_, index) => `load-${index + 1}`);
  for (const name of names) await pushImage({ address: registries.dev, name }, image, [VERSION]);
  return names;
}
