/** Runs one build from INSTALL to FINALIZING in an empty folder, and keeps its record up to date. */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { CloudContext } from '../service.ts';
import type { BuildPhase, BuildRecord, BuildRecords, BuildStatus } from './build-record.ts';
import { PHASES, type PhaseName, readBuildspec } from './buildspec.ts';
import { exportedVariables, runCommand } from './command.ts';

/** A log keeps its first MiB. */
const MOST_LOG_BYTES = 1_048_576;

export interface BuildRun {
  context: CloudContext;
  records: BuildRecords;
  endpoint: string;
  signal: AbortSignal;
}

/** Answers the status that the build ends with; TIMED_OUT and STOPPED are the reasons that `signal` aborts with. */
export async function runBuild(record: BuildRecord, run: BuildRun): Promise<BuildStatus> {
  const home = mkdtempSync(join(tmpdir(), 'codebuild-'));
  const state = mkdtempSync(join(tmpdir(), 'codebuild-state-'));
  const log = openLog(run.records.logFile(record));
  try {
    return await runPhases(record, run, { home, state, log });
  } finally {
    log.close();
    rmSync(home, { recursive: true, force: true });
    rmSync(state, { recursive: true, force: true });
  }
}

interface Place {
  home: string;
  state: string;
  log: Log;
}

async function runPhases(record: BuildRecord, run: BuildRun, place: Place): Promise<BuildStatus> {
  const spec = readBuildspec(record.buildspec);
  const environment = environmentOf(record, run, place.home, spec.env?.variables ?? {});
  let succeeding = true;
  let ending = false;
  for (const name of PHASES) {
    // A failed build phase still gets its post_build; a failed install or pre_build ends the build.
    if (ending && !(name === 'post_build' && record.phases.some(({ phaseType }) => phaseType === 'BUILD'))) continue;
    const definition = spec.phases[name] ?? {};
    environment['CODEBUILD_BUILD_SUCCEEDING'] = succeeding ? '1' : '0';
    const succeeded = await runPhase(record, run, place, environment, name, definition);
    if (run.signal.aborted) return run.signal.reason as BuildStatus;
    if (succeeded) continue;
    succeeding = false;
    if (definition['on-failure'] === 'ABORT') break;
    ending ||= definition['on-failure'] !== 'CONTINUE';
  }
  record.exported = exportedVariables(place.state, spec.env?.['exported-variables'] ?? []);
  for (const phaseType of ['UPLOAD_ARTIFACTS', 'FINALIZING'])
    endPhase(run.context, beginPhase(run.context, record, phaseType), 'SUCCEEDED');
  return succeeding ? 'SUCCEEDED' : 'FAILED';
}

/** True when every command of the phase exited with 0; `finally` commands run either way. */
async function runPhase(
  record: BuildRecord,
  run: BuildRun,
  place: Place,
  environment: Record<string, string>,
  name: PhaseName,
  definition: { commands?: string[] | undefined; finally?: string[] | undefined },
): Promise<boolean> {
  const phase = beginPhase(run.context, record, name.toUpperCase());
  run.records.save(record);
  let failure: string | undefined;
  const runAll = async (commands: string[]) => {
    for (const command of commands) {
      if (run.signal.aborted) return;
      place.log.note(`Running command ${command}`);
      const code = await runCommand(command, {
        state: place.state,
        work: place.home,
        environment,
        signal: run.signal,
        onOutput: (chunk) => place.log.write(chunk),
        onStart: (processGroup) => {
          record.processGroup = processGroup;
          run.records.save(record);
        },
      });
      if (code === 0) continue;
      failure ??= `Error while executing command: ${command}. Reason: exit status ${code}`;
      place.log.note(`Command did not exit successfully ${command} exit status ${code}`);
      return;
    }
  };
  await runAll(definition.commands ?? []);
  await runAll(definition.finally ?? []);
  delete record.processGroup;
  const status = run.signal.aborted ? (run.signal.reason as BuildStatus) : failure === undefined ? 'SUCCEEDED' : 'FAILED';
  endPhase(run.context, phase, status, failure === undefined ? undefined : { statusCode: 'COMMAND_EXECUTION_ERROR', message: failure });
  place.log.note(`Phase complete: ${phase.phaseType} State: ${status}`);
  return status === 'SUCCEEDED';
}

/** Everything a command sees: nothing of this process but PATH. The last group wins, so that no variable of a caller replaces credentials or identity. */
function environmentOf(record: BuildRecord, run: BuildRun, home: string, ofSpec: Record<string, string>): Record<string, string> {
  const { project } = record;
  const credentials = run.context.credentialsFor(project.serviceRole, project.name);
  return {
    PATH: [process.env['PATH'], dirname(process.execPath)].filter(Boolean).join(':'),
    LANG: 'C.UTF-8',
    ...ofSpec,
    ...Object.fromEntries(record.variables.map(({ name, value }) => [name, value])),
    HOME: home,
    AWS_REGION: run.context.region,
    AWS_DEFAULT_REGION: run.context.region,
    AWS_ENDPOINT_URL: run.endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    CODEBUILD_BUILD_ARN: record.arn,
    CODEBUILD_BUILD_ID: record.id,
    CODEBUILD_BUILD_IMAGE: project.environment.image,
    CODEBUILD_BUILD_NUMBER: String(record.buildNumber),
    CODEBUILD_CI: 'true',
    CODEBUILD_INITIATOR: record.initiator,
    CODEBUILD_KMS_KEY_ID: project.encryptionKey,
    CODEBUILD_LOG_PATH: record.id.split(':').at(-1)!,
    CODEBUILD_SRC_DIR: home,
    CODEBUILD_START_TIME: String(Math.round(record.startTime * 1000)),
  };
}

/** Starts the next phase of a record; the caller saves it. */
export function beginPhase(context: CloudContext, record: BuildRecord, phaseType: string): BuildPhase {
  const phase: BuildPhase = { phaseType, startTime: context.clock.now() / 1000 };
  record.phases.push(phase);
  record.currentPhase = phaseType;
  return phase;
}

/** Ends a phase with its status and what explains it. */
export function endPhase(
  context: CloudContext,
  phase: BuildPhase,
  status: BuildStatus,
  reason?: { statusCode: string; message: string },
): void {
  phase.endTime = context.clock.now() / 1000;
  phase.durationInSeconds = Math.round(phase.endTime - phase.startTime);
  phase.phaseStatus = status;
  phase.contexts = reason ? [reason] : [];
}

interface Log {
  write(chunk: Buffer): void;
  note(line: string): void;
  close(): void;
}

function openLog(file: string): Log {
  const handle = openSync(file, 'w', 0o600);
  let left = MOST_LOG_BYTES;
  let open = true;
  const write = (chunk: Buffer) => {
    if (!open || left <= 0) return;
    writeSync(handle, chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) writeSync(handle, `\n[Container] output beyond ${MOST_LOG_BYTES} bytes is not kept\n`);
  };
  return {
    write,
    note: (line) => write(Buffer.from(`[Container] ${line}\n`)),
    close: () => {
      open = false;
      closeSync(handle);
    },
  };
}
