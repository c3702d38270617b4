/** The event `CodeBuild Build State Change`, in the format that CodeBuild documents. */
import type { BusEvent } from '../service.ts';
import { type BuildRecord, logsOf } from './build-record.ts';

/** The event of the record's present status, for the default bus. */
export function stateChange(record: BuildRecord, logFile: string): BusEvent {
  const { project } = record;
  const logs = logsOf(record, logFile);
  return {
    source: 'aws.codebuild',
    detailType: 'CodeBuild Build State Change',
    resources: [record.arn],
    detail: {
      'build-status': record.status,
      'project-name': project.name,
      'build-id': record.arn,
      'additional-information': {
        cache: { type: 'NO_CACHE' },
        'build-number': record.buildNumber,
        'timeout-in-minutes': record.timeoutInMinutes,
        'build-complete': record.status !== 'IN_PROGRESS',
        initiator: record.initiator,
        'build-start-time': spell(record.startTime),
        source: { buildspec: record.buildspec, type: 'NO_SOURCE' },
        artifact: { location: '' },
        environment: {
          image: project.environment.image,
          'privileged-mode': false,
          'compute-type': project.environment.computeType,
          type: project.environment.type,
          'environment-variables': record.variables,
        },
        logs: { 'group-name': logs.groupName, 'stream-name': logs.streamName, 'deep-link': logs.deepLink },
        phases: record.phases.map((phase) => ({
          'phase-type': phase.phaseType,
          'phase-context': (phase.contexts ?? []).map(({ statusCode, message }) => `${statusCode}: ${message}`),
          'start-time': spell(phase.startTime),
          ...(phase.endTime === undefined ? {} : { 'end-time': spell(phase.endTime), 'duration-in-seconds': phase.durationInSeconds }),
          ...(phase.phaseStatus ? { 'phase-status': phase.phaseStatus } : {}),
        })),
        'queued-timeout-in-minutes': project.queuedTimeoutInMinutes,
        'exported-environment-variables': record.exported,
      },
      'current-phase': record.currentPhase,
      'current-phase-context': '[]',
      version: '1',
    },
  };
}

/** `Sep 1, 2017 4:12:29 PM`, in UTC. */
function spell(seconds: number): string {
  const format = {
    timeZone: 'UTC',
    month: 'short',
    day: 'numeric',
    year: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
    second: '2-digit',
  } as const;
  return new Intl.DateTimeFormat('en-US', format)
    .format(seconds * 1000)
    .replace(/, (?=\d{1,2}:)/, ' ')
    .replaceAll('\u202f', ' ');
}
