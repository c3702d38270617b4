/** Starts, queues, stops and recovers builds, and announces their changes. A build that a crash interrupted ends as FAULT at the next start. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { CloudContext } from '../service.ts';
import { type BuildRecord, BuildRecords, type BuildStatus } from './build-record.ts';
import { beginPhase, endPhase, runBuild } from './build-run.ts';
import { CodeBuildError } from './codebuild-error.ts';
import { killGroup } from './command.ts';
import type { Project, Variable } from './projects.ts';
import { stateChange } from './state-change.ts';

export interface StartOptions {
  buildspec: string;
  variables: Variable[];
  timeoutInMinutes: number;
  initiator: string;
  idempotencyToken?: string;
}

/** Builds that run at once; others wait in phase QUEUED. */
const MOST_AT_ONCE = 2;
/** CodeBuild forgets an idempotency token after five minutes. */
const TOKEN_SECONDS = 300;

export class Builds {
  readonly records: BuildRecords;
  readonly #context: CloudContext;
  readonly #endpoint: () => string;
  readonly #queue: BuildRecord[] = [];
  readonly #running = new Map<string, AbortController>();
  readonly #work = new Set<Promise<void>>();
  #closed = false;

  constructor(context: CloudContext, endpoint: () => string) {
    this.#context = context;
    this.#endpoint = endpoint;
    this.records = new BuildRecords(context.folder);
  }

  /** Resolves once the build is on disk and announced. The same token gives the same build. */
  async start(project: Project, options: StartOptions): Promise<BuildRecord> {
    const now = this.#context.clock.now() / 1000;
    const known = options.idempotencyToken ? this.#withToken(project, options.idempotencyToken, now) : undefined;
    if (known) return known;
    const id = `${project.name}:${randomUUID()}`;
    const record: BuildRecord = {
      id,
      arn: `arn:aws:codebuild:${this.#context.region}:${this.#context.account}:build/${id}`,
      buildNumber: this.records.nextNumber(project.name),
      project,
      ...options,
      status: 'IN_PROGRESS',
      currentPhase: 'SUBMITTED',
      phases: [],
      startTime: now,
      exported: [],
      announced: false,
    };
    endPhase(this.#context, beginPhase(this.#context, record, 'SUBMITTED'), 'SUCCEEDED');
    beginPhase(this.#context, record, 'QUEUED');
    this.records.save(record);
    await this.#announce(record);
    this.#queue.push(record);
    this.#next();
    return record;
  }

  /** Ends a queued build at once and a running one by killing its process group; a finished one stays as it is. */
  async stop(record: BuildRecord): Promise<void> {
    const waiting = this.#queue.indexOf(record);
    if (waiting >= 0) {
      this.#queue.splice(waiting, 1);
      await this.#finish(record, 'STOPPED');
    } else this.#running.get(record.id)?.abort('STOPPED' satisfies BuildStatus);
  }

  /** Ends what an earlier process left running, and announces what it could not. */
  async recover(): Promise<void> {
    for (const record of this.records.all()) {
      if (this.#running.has(record.id) || this.#queue.includes(record)) continue;
      if (record.status === 'IN_PROGRESS') {
        if (record.processGroup !== undefined && isOurs(record.processGroup, record.id)) killGroup(record.processGroup, 'SIGKILL');
        await this.#finish(record, 'FAULT', {
          statusCode: 'INTERNAL_SERVICE_ERROR',
          message: 'The local cloud ended while this build ran',
        });
      } else if (!record.announced) await this.#announce(record);
    }
  }

  /** Kills what runs; the records stay IN_PROGRESS and become FAULT at the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const controller of this.#running.values()) controller.abort('STOPPED' satisfies BuildStatus);
    await Promise.allSettled(this.#work);
  }

  #withToken(project: Project, token: string, now: number): BuildRecord | undefined {
    const known = this.records.all().find((record) => record.project.name === project.name && record.idempotencyToken === token);
    return known && now - known.startTime <= TOKEN_SECONDS ? known : undefined;
  }

  #next(): void {
    while (!this.#closed && this.#running.size < MOST_AT_ONCE) {
      const record = this.#queue.shift();
      if (!record) return;
      const controller = new AbortController();
      this.#running.set(record.id, controller);
      // Until it ends, the virtual clock does not move on: what waits for the build must not time out meanwhile.
      const work = this.#context.clock
        .track(this.#run(record, controller))
        .catch((error) => this.#context.log('codebuild: build lost', { build: record.id, reason: (error as Error).message }))
        .finally(() => this.#work.delete(work));
      this.#work.add(work);
    }
  }

  async #run(record: BuildRecord, controller: AbortController): Promise<void> {
    // Real time, as the work itself: the virtual clock does not speed up a compiler.
    const timeout = setTimeout(() => controller.abort('TIMED_OUT' satisfies BuildStatus), record.timeoutInMinutes * 60_000);
    try {
      endPhase(this.#context, record.phases.at(-1)!, 'SUCCEEDED');
      for (const phase of ['PROVISIONING', 'DOWNLOAD_SOURCE'])
        endPhase(this.#context, beginPhase(this.#context, record, phase), 'SUCCEEDED');
      const run = { context: this.#context, records: this.records, endpoint: this.#endpoint(), signal: controller.signal };
      const status = await runBuild(record, run);
      if (!this.#closed) await this.#finish(record, status);
    } catch (error) {
      const message = (error as Error).message;
      const failure = { statusCode: error instanceof CodeBuildError ? 'CLIENT_ERROR' : 'INTERNAL_SERVICE_ERROR', message };
      if (!this.#closed) await this.#finish(record, error instanceof CodeBuildError ? 'FAILED' : 'FAULT', failure);
    } finally {
      clearTimeout(timeout);
      this.#running.delete(record.id);
      this.#next();
    }
  }

  async #finish(record: BuildRecord, status: BuildStatus, reason?: { statusCode: string; message: string }): Promise<void> {
    const last = record.phases.at(-1);
    if (last && last.endTime === undefined) endPhase(this.#context, last, status, reason);
    beginPhase(this.#context, record, 'COMPLETED');
    delete record.processGroup;
    record.status = status;
    record.endTime = this.#context.clock.now() / 1000;
    record.announced = false;
    this.records.save(record);
    await this.#announce(record);
  }

  async #announce(record: BuildRecord): Promise<void> {
    try {
      await this.#context.emit(stateChange(record, this.records.logFile(record)));
    } catch (error) {
      // The build goes on; a last status that was not announced is announced at the next start.
      this.#context.log('codebuild: the bus does not take the state change', { build: record.id, reason: (error as Error).message });
      return;
    }
    record.announced = true;
    this.records.save(record);
  }
}

/** The pid may belong to somebody else by now: only a process that carries the build's id is ended. Elsewhere than on Linux nothing is. */
function isOurs(pid: number, buildId: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`CODEBUILD_BUILD_ID=${buildId}`);
  } catch {
    return false;
  }
}
