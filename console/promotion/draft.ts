/** What stands in the form of a new request: what is wrong with it, and how it is sent. */
import { LEAST, visibleLength } from '../../core/promotion/visible-length.ts';
import type { Problem } from '../kit/client.ts';
import type { Answered, Asked } from '../kit/operations.ts';

type Body = NonNullable<Asked<'preview'>['body']>;

export const TYPES = ['api', 'application', 'policy'] as const;
export const IMPACTS = ['low', 'medium', 'high', 'critical'] as const;

export interface Draft {
  environment: string;
  type: (typeof TYPES)[number];
  name: string;
  version: string;
  justification: string;
  releaseNotes: string;
  impactAssessment: (typeof IMPACTS)[number];
  rollbackPlan: string;
  /** As the field of the browser gives it: in the zone of the reader. */
  scheduled: string;
  stagingTestsPassed: boolean;
  securityScanPassed: boolean;
  performanceTestsPassed: boolean;
  testEvidenceUrl: string;
}

export const EMPTY: Draft = {
  environment: '',
  type: 'api',
  name: '',
  version: '',
  justification: '',
  releaseNotes: '',
  impactAssessment: 'low',
  rollbackPlan: '',
  scheduled: '',
  stagingTestsPassed: false,
  securityScanPassed: false,
  performanceTestsPassed: false,
  testEvidenceUrl: '',
};

/** What an earlier request said; what somebody vouches for is said anew, and its date may be over. */
export function draftLike({ spec: { target, request, preChecks } }: Answered<'getRequest'>): Draft {
  const { type, name, version, targetEnvironment } = target;
  const { justification, releaseNotes, impactAssessment, rollbackPlan } = request;
  return {
    ...EMPTY,
    ...{ environment: targetEnvironment, type, name, version, justification, releaseNotes, impactAssessment, rollbackPlan },
    testEvidenceUrl: preChecks.testEvidenceUrl,
  };
}

type Mistakes = Partial<Record<keyof Draft, string>>;

/** What can be said while somebody types; the API has the last word. */
export function mistakesIn(draft: Draft): Mistakes {
  const missing = LEAST.justification - visibleLength(draft.justification);
  return {
    ...(draft.name.trim() === '' ? { name: 'Say what is to be promoted.' } : {}),
    ...(draft.version.trim() === '' ? { version: 'Say which version.' } : {}),
    ...(missing > 0 ? { justification: `${missing} more ${missing === 1 ? 'character' : 'characters'}.` } : {}),
    ...(visibleLength(draft.releaseNotes) === 0 ? { releaseNotes: 'Say what changes.' } : {}),
    ...(visibleLength(draft.rollbackPlan) === 0 ? { rollbackPlan: 'Say what is done if it goes wrong.' } : {}),
    ...(URL.canParse(draft.testEvidenceUrl) ? {} : { testEvidenceUrl: 'Give a web address (https://…).' }),
  };
}

const POINTERS: Partial<Record<keyof Draft, string>> = {
  name: '/target/name',
  version: '/target/version',
  scheduled: '/request/scheduledDate',
  testEvidenceUrl: '/preChecks/testEvidenceUrl',
};

export function refusedOf(problem: Problem | undefined, field: keyof Draft): string | undefined {
  const pointer = POINTERS[field] ?? `/request/${field}`;
  return problem?.errors.find(({ path }) => path === pointer)?.message;
}

export function bodyOf(draft: Draft): Body {
  const { type, name, version, justification, releaseNotes, impactAssessment, rollbackPlan, scheduled, testEvidenceUrl } = draft;
  const { stagingTestsPassed, securityScanPassed, performanceTestsPassed } = draft;
  return {
    target: { type, name: name.trim(), version: version.trim() },
    request: {
      justification,
      releaseNotes,
      impactAssessment,
      rollbackPlan,
      ...(scheduled === '' ? {} : { scheduledDate: new Date(scheduled).toISOString() }),
    },
    preChecks: { stagingTestsPassed, securityScanPassed, performanceTestsPassed, testEvidenceUrl: testEvidenceUrl.trim() },
  };
}
