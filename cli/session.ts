/** What every verb works with: options that all share, the client, the artifact, and where to write. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ArtifactConfiguration } from '../core/environment/configuration.ts';
import { readConfiguration } from '../core/environment/configuration-file.ts';
import { ApiClient } from './client.ts';
import { type LocalEndpoints, readLocalEndpoints } from './endpoints.ts';
import { CommandFailure, EXIT, usageFailure } from './failure.ts';
import { Output, type Streams } from './output.ts';
import { mintToken } from './sign-in.ts';

/** Process that the program runs in. */
export interface Surroundings extends Streams {
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Aborted by Ctrl-C. */
  interrupted: AbortSignal;
  /** Asks the person at the terminal; absent where there is none. */
  ask?: (question: string) => Promise<string>;
}

export interface SharedOptions {
  json?: boolean;
  data?: string;
  as?: string;
  artifact?: string;
}

export class Session {
  readonly around: Surroundings;
  readonly options: SharedOptions;
  readonly output: Output;
  #client: ApiClient | undefined;

  constructor(around: Surroundings, options: SharedOptions) {
    this.around = around;
    this.options = options;
    this.output = new Output(around, { json: options.json === true, env: around.env });
  }

  /** Endpoints of the local cloud, if there is one. A named data folder wins over the environment. */
  get local(): LocalEndpoints | undefined {
    return readLocalEndpoints(this.around.cwd, this.options.data);
  }

  get client(): ApiClient {
    this.#client ??= this.#connect();
    return this.#client;
  }

  /** `--artifact`, or the only artifact with a workload in `greenlight.yaml` of this folder. */
  get artifact(): string {
    return this.knownArtifact ?? fail();
    function fail(): never {
      throw usageFailure('which artifact? greenlight.yaml in this folder does not name exactly one with a workload', 'add --artifact NAME');
    }
  }

  get knownArtifact(): string | undefined {
    if (this.options.artifact !== undefined) return this.options.artifact;
    const running = Object.values(this.configured).filter(({ workload }) => workload !== undefined);
    return running.length === 1 ? running[0]!.name : undefined;
  }

  /** Artifacts of `greenlight.yaml` in this folder; none when it is missing or wrong. */
  get configured(): Record<string, ArtifactConfiguration> {
    const file = join(this.around.cwd, 'greenlight.yaml');
    if (!existsSync(file)) return {};
    const read = readConfiguration(readFileSync(file, 'utf8'), { complete: false });
    return read.ok ? read.configuration.artifacts : {};
  }

  #connect(): ApiClient {
    const { env } = this.around;
    const given = this.options.data === undefined ? env['GREENLIGHT_API'] : undefined;
    const origin = given ?? this.local?.api;
    if (!origin || !URL.canParse(origin)) {
      throw new CommandFailure(EXIT.usage, given ? 'GREENLIGHT_API is not an address' : 'which API? there is no ./.greenlight here', {
        code: 'USAGE',
        hint: 'set GREENLIGHT_API=https://…, or give --data DIR of a running npm start',
      });
    }
    return new ApiClient(origin, () => this.#token(), this.around.interrupted);
  }

  async #token(): Promise<string> {
    const { env } = this.around;
    if (this.options.as !== undefined) return this.tokenOf(this.options.as);
    if (env['GREENLIGHT_TOKEN']) return env['GREENLIGHT_TOKEN'].trim();
    throw new CommandFailure(EXIT.notAllowed, 'not signed in', {
      code: 'UNAUTHENTICATED',
      hint: 'set GREENLIGHT_TOKEN, or with a local cloud give --as NAME, e.g. --as dev@example.com; greenlight login says more',
    });
  }

  /** A fresh token of somebody at the local issuer. */
  async tokenOf(person: string): Promise<string> {
    const endpoints = this.local;
    if (!endpoints) {
      throw new CommandFailure(EXIT.usage, '--as works with a local cloud only, and there is no ./.greenlight here', {
        code: 'USAGE',
        hint: 'give --data DIR, or set GREENLIGHT_TOKEN',
      });
    }
    return mintToken(endpoints, person);
  }
}
