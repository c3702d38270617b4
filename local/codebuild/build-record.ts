/** Builds as they are kept, one file each, and as the API shows them. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '../durable-file.ts';
import type { Project, Variable } from './projects.ts';

export type BuildStatus = 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'STOPPED' | 'FAULT';

export interface BuildPhase {
  phaseType: string;
  phaseStatus?: BuildStatus;
  /** Seconds since the epoch, virtual. */
  startTime: number;
  endTime?: number;
  durationInSeconds?: number;
  contexts?: { statusCode: string; message: string }[];
}

export interface BuildRecord {
  /** `project:uuid` */
  id: string;
  arn: string;
  buildNumber: number;
  project: Project;
  buildspec: string;
  variables: Variable[];
  timeoutInMinutes: number;
  initiator: string;
  idempotencyToken?: string;
  status: BuildStatus;
  currentPhase: string;
  phases: BuildPhase[];
  startTime: number;
  endTime?: number;
  exported: { name: string; value: string }[];
  /** Process group of the running command, to end it after a crash. */
  processGroup?: number;
  /** The event of this status has been put on the bus. */
  announced: boolean;
}

/** Records and logs beyond that many are deleted, oldest first. */
const MOST_BUILDS = 1_000;

export class BuildRecords {
  readonly #folder: string;
  readonly #records = new Map<string, BuildRecord>();

  constructor(folder: string) {
    this.#folder = join(folder, 'builds');
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const found = readdirSync(this.#folder)
      .filter((file) => file.endsWith('.json'))
      .map((file) => JSON.parse(readFileSync(join(this.#folder, file), 'utf8')) as BuildRecord);
    for (const record of found.sort((a, b) => a.startTime - b.startTime)) this.#records.set(record.id, record);
  }

  all(): BuildRecord[] {
    return [...this.#records.values()];
  }

  find(idOrArn: string): BuildRecord | undefined {
    return this.#records.get(idOrArn.replace(/^arn:[^/]*:build\//, ''));
  }

  nextNumber(project: string): number {
    return (
      this.all().reduce((highest, record) => (record.project.name === project ? Math.max(highest, record.buildNumber) : highest), 0) + 1
    );
  }

  logFile(record: BuildRecord): string {
    return join(this.#folder, `${uuidOf(record)}.log`);
  }

  save(record: BuildRecord): void {
    writeFileDurably(join(this.#folder, `${uuidOf(record)}.json`), JSON.stringify(record));
    this.#records.set(record.id, record);
    for (const old of this.all().slice(0, -MOST_BUILDS)) {
      if (old.status === 'IN_PROGRESS' || !old.announced) continue;
      this.#records.delete(old.id);
      rmSync(join(this.#folder, `${uuidOf(old)}.json`), { force: true });
      rmSync(this.logFile(old), { force: true });
    }
  }
}

/** Last part of the id; made by us, so it is safe in a file name. */
export function uuidOf(record: { id: string }): string {
  return record.id.split(':').at(-1)!;
}

/** A build in the words of BatchGetBuilds. */
export function describeBuild(record: BuildRecord, logFile: string): Record<string, unknown> {
  const { project } = record;
  return {
    id: record.id,
    arn: record.arn,
    buildNumber: record.buildNumber,
    startTime: record.startTime,
    endTime: record.endTime,
    currentPhase: record.currentPhase,
    buildStatus: record.status,
    projectName: project.name,
    phases: record.phases,
    source: { type: 'NO_SOURCE', buildspec: record.buildspec },
    artifacts: { location: '' },
    cache: { type: 'NO_CACHE' },
    environment: { ...project.environment, environmentVariables: record.variables },
    serviceRole: project.serviceRole,
    logs: logsOf(record, logFile),
    timeoutInMinutes: record.timeoutInMinutes,
    queuedTimeoutInMinutes: project.queuedTimeoutInMinutes,
    buildComplete: record.status !== 'IN_PROGRESS',
    initiator: record.initiator,
    encryptionKey: project.encryptionKey,
    exportedEnvironmentVariables: record.exported,
  };
}

/** `deepLink` is the file on this machine that holds the output. */
export function logsOf(record: BuildRecord, logFile: string): { groupName: string; streamName: string; deepLink: string } {
  return { groupName: record.project.logGroup, streamName: uuidOf(record), deepLink: `file://${logFile}` };
}
