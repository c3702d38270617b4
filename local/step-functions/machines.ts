/** State machines and the definitions that executions were started with. */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Instant } from '../clock.ts';
import { writeFileDurably } from '../durable-file.ts';
import type { MachineDefinition } from './definition.ts';

export interface Machine {
  arn: string;
  name: string;
  roleArn: string;
  /** As received. */
  definition: string;
  /** SHA-256 of the definition, in hex. */
  definitionHash: string;
  /** Absent until the first update. */
  revisionId?: string;
  creationDate: Instant;
  status: 'ACTIVE' | 'DELETING';
  tags: { key: string; value: string }[];
  /** Kept and answered, without effect: the local cloud writes no execution logs to CloudWatch and no traces to X-Ray. */
  loggingConfiguration?: unknown;
  tracingConfiguration?: unknown;
}

/** What creation and update set. */
export interface MachineSettings {
  roleArn: string;
  definition: string;
  loggingConfiguration?: unknown;
  tracingConfiguration?: unknown;
}

export class Machines {
  readonly #clock: Clock;
  readonly #folder: string;
  readonly #definitions: string;
  readonly #prefix: string;
  readonly #byArn = new Map<string, Machine>();
  readonly #parsed = new Map<string, MachineDefinition>();

  constructor(folder: string, clock: Clock, region: string, account: string) {
    this.#clock = clock;
    this.#folder = join(folder, 'machines');
    this.#definitions = join(folder, 'definitions');
    this.#prefix = `arn:aws:states:${region}:${account}:stateMachine:`;
    for (const path of [this.#folder, this.#definitions]) mkdirSync(path, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(this.#folder).filter((name) => name.endsWith('.json'))) {
      const machine = JSON.parse(readFileSync(join(this.#folder, file), 'utf8')) as Machine;
      this.#byArn.set(machine.arn, machine);
    }
  }

  arnOf(name: string): string {
    return this.#prefix + name;
  }

  get(arn: string): Machine | undefined {
    return this.#byArn.get(arn);
  }

  all(): Machine[] {
    return [...this.#byArn.values()];
  }

  /** Definition by its hash; it stays although the machine is updated or deleted. */
  definition(hash: string): MachineDefinition {
    let parsed = this.#parsed.get(hash);
    if (!parsed) {
      parsed = JSON.parse(readFileSync(join(this.#definitions, `${hash}.json`), 'utf8')) as MachineDefinition;
      this.#parsed.set(hash, parsed);
    }
    return parsed;
  }

  create(name: string, settings: MachineSettings, tags: Machine['tags']): Machine {
    const machine: Machine = {
      arn: this.arnOf(name),
      name,
      ...settings,
      definitionHash: this.#keep(settings.definition),
      creationDate: this.#clock.now(),
      status: 'ACTIVE',
      tags,
    };
    this.#save(machine);
    return machine;
  }

  update(machine: Machine, settings: Partial<MachineSettings>): Machine {
    const changed: Machine = { ...machine, ...settings, revisionId: randomUUID() };
    if (settings.definition !== undefined) changed.definitionHash = this.#keep(settings.definition);
    this.#save(changed);
    return changed;
  }

  tag(machine: Machine, tags: Machine['tags']): void {
    this.#save({ ...machine, tags });
  }

  /** A machine with running executions goes once the last of them has ended. */
  remove(machine: Machine, idle: boolean): void {
    this.#save({ ...machine, status: 'DELETING' });
    if (idle) this.#delete(machine);
  }

  /** Called when an execution of the machine has ended. */
  released(arn: string, idle: () => boolean): void {
    const machine = this.#byArn.get(arn);
    if (machine?.status === 'DELETING' && idle()) this.#delete(machine);
  }

  #delete(machine: Machine): void {
    this.#byArn.delete(machine.arn);
    rmSync(join(this.#folder, `${machine.name}.json`), { force: true });
  }

  #save(machine: Machine): void {
    writeFileDurably(join(this.#folder, `${machine.name}.json`), JSON.stringify(machine));
    this.#byArn.set(machine.arn, machine);
  }

  #keep(definition: string): string {
    const hash = createHash('sha256').update(definition).digest('hex');
    const file = join(this.#definitions, `${hash}.json`);
    if (!existsSync(file)) writeFileDurably(file, definition);
    return hash;
  }
}
