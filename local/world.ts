/**
 * What exists in the accounts besides the stacks, and what the stacks are told of it. The local cloud runs any stacks of its service subset; a world
 * is the part that belongs to one product.
 */
import type { EcrRegistryOptions } from './ecr/ecr.ts';
import type { EksClusterOptions } from './eks/eks.ts';
import type { IssuerOptions } from './issuer/issuer.ts';
import type { RunContainer } from './kubernetes/node/container.ts';

/** The people of the local OpenID provider and the one client that they sign in to. */
export type IssuerPlace = Pick<IssuerOptions, 'people' | 'clientId' | 'audience' | 'algorithm'>;

/** Addresses and files that are known before any stack is provisioned. Origins have the form `http(s)://127.0.0.1:PORT`. */
export interface Surroundings {
  region: string;
  account: string;
  dataFolder: string;
  api: string;
  aws: string;
  mail: string | undefined;
  issuer: { origin: string; discoveryUrl: string; passwordFile: string } | undefined;
  kubernetes: string | undefined;
  /** `127.0.0.1:PORT` by registry name. */
  registries: Record<string, string>;
  /** The local certificate authority. */
  ca: { file: string; pem: string };
}

/** The running cloud, for seeding. */
export interface RunningCloud extends Surroundings {
  awsAdmin: { accessKeyId: string; secretAccessKey: string };
  /** Outputs of the stacks, by stack and output name. */
  outputs: Record<string, Record<string, unknown>>;
  /** File with the administrator's access to the clusters. */
  kubeconfig: string | undefined;
  /** Addresses of what the clusters serve, by `namespace/name`. */
  apps: Record<string, string>;
  /** The virtual clock. */
  now(): Date;
}

export interface World {
  /** Account of the stacks: twelve digits. */
  account: string;
  region: string;
  /** Container registries, each an account of its own; their names are the keys in `endpoints.json`. */
  registries: readonly EcrRegistryOptions[];
  /** Kubernetes clusters with what runs in them; `registries` as in `Surroundings`. */
  clusters(known: Pick<Surroundings, 'region' | 'account' | 'registries'>): EksClusterOptions[];
  /** What a container of the clusters does. Needed where there are clusters. */
  runContainer?: RunContainer;
  /** Absent: nobody signs in. */
  issuer?: IssuerPlace;
  /** Values for the parameters of the stacks, by parameter name. Runs once the ports are bound. */
  parameters(surroundings: Surroundings): Record<string, string> | Promise<Record<string, string>>;
  /**
   * Runs after every start, when all services answer: must be idempotent. Values of secrets, first images, verified senders come from here, over the
   * AWS endpoint as the administrator. What it returns is added to `endpoints.json`, e.g. files of keys.
   */
  seed?(cloud: RunningCloud): Promise<Record<string, unknown>>;
}

/** Accounts without anything beside the stacks, for tests of the local cloud itself. */
export const EMPTY_WORLD: World = {
  account: '000000000000',
  region: 'eu-central-1',
  registries: [],
  clusters: () => [],
  parameters: () => ({}),
};
