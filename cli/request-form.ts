/** The body of a request from flags, with defaults that say what is known: which version goes where, and who says so. */
import type { RequestBody } from '../core/promotion/request-body.ts';
import type { Route } from './operands.ts';

export interface FormOptions {
  /** Absent: promote. */
  kind?: 'repair';
  type?: RequestBody['target']['type'];
  justification?: string;
  releaseNotes?: string;
  impact: RequestBody['request']['impactAssessment'];
  rollbackPlan?: string;
  evidenceUrl?: string;
  schedule?: string;
  priority?: NonNullable<RequestBody['request']['priority']>;
  stagingTestsPassed?: boolean;
  securityScanPassed?: boolean;
  performanceTestsPassed?: boolean;
  toRegistries?: string[];
}

/** Claims that nobody made are false: they are shown to approvers, and a gate may demand them. */
export function bodyOf(artifact: string, route: Route, options: FormOptions, api: string): RequestBody {
  const { version, from, to } = route;
  const what = `${artifact} ${version}`;
  const doing = options.kind === 'repair' ? 'Repair' : 'Promote';
  return {
    ...(options.kind === undefined ? {} : { kind: options.kind }),
    target: {
      type: options.type ?? 'application',
      name: artifact,
      version,
      ...(from === undefined ? {} : { sourceEnvironment: from }),
      targetEnvironment: to,
    },
    request: {
      justification:
        options.justification ?? `${doing} ${what} ${options.kind === 'repair' ? 'in' : 'to'} ${to}, requested on the command line`,
      releaseNotes: options.releaseNotes ?? `See the release notes of ${what}`,
      impactAssessment: options.impact,
      rollbackPlan:
        options.rollbackPlan ??
        (options.kind === 'repair'
          ? 'Nothing that runs changes; bytes that were copied may stay'
          : `Roll ${to} back to the version that ran before ${what}`),
      ...(options.priority === undefined ? {} : { priority: options.priority }),
      ...(options.schedule === undefined ? {} : { scheduledDate: options.schedule }),
    },
    preChecks: {
      stagingTestsPassed: options.stagingTestsPassed === true,
      securityScanPassed: options.securityScanPassed === true,
      performanceTestsPassed: options.performanceTestsPassed === true,
      testEvidenceUrl: options.evidenceUrl ?? `${api}/v1/artifacts/${encodeURIComponent(artifact)}/versions/${encodeURIComponent(version)}`,
    },
    ...(options.toRegistries === undefined ? {} : { registries: options.toRegistries }),
  };
}
