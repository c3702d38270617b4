/** Seed 000's ticket: the request as a YAML document of exactly that shape. */
import { stringify } from 'yaml';
import { ticketStateOf } from './phase.ts';
import type { HistoryEntry, Promotion, PromotionTexts } from './promotion.ts';

export interface TicketFacts {
  promotion: Promotion;
  texts: PromotionTexts;
  history: readonly HistoryEntry[];
  /** Address of who gave the last approval. */
  approvedBy: string | undefined;
  rejectionReason: string | undefined;
}

/** Every member of the seed's ticket is there; what has no value yet is null. Free text is quoted by the YAML library. */
export function ticketYaml(facts: TicketFacts): string {
  const { promotion, texts, history } = facts;
  const { target, request, preChecks } = texts.spec;
  const isApproved = promotion.approvedAt !== undefined;
  const ticket = {
    apiVersion: 'gostoa.dev/v1',
    kind: 'PromotionRequest',
    metadata: { id: promotion.id, createdAt: promotion.createdAt, createdBy: promotion.requester.email, tenant: promotion.tenant },
    spec: {
      target: {
        type: target.type,
        name: target.name,
        version: target.version,
        sourceEnvironment: target.sourceEnvironment,
        targetEnvironment: target.targetEnvironment,
      },
      request: {
        justification: request.justification,
        releaseNotes: request.releaseNotes,
        impactAssessment: request.impactAssessment,
        rollbackPlan: request.rollbackPlan,
        scheduledDate: request.scheduledDate,
      },
      preChecks: {
        stagingTestsPassed: preChecks.stagingTestsPassed,
        securityScanPassed: preChecks.securityScanPassed,
        performanceTestsPassed: preChecks.performanceTestsPassed,
        testEvidenceUrl: preChecks.testEvidenceUrl,
      },
    },
    status: {
      state: ticketStateOf(promotion.phase),
      history: history.map(({ action, at, by, comment, jobId, error }) => ({
        action,
        at,
        by: by.email,
        ...(comment === undefined ? {} : { comment }),
        ...(jobId === undefined ? {} : { jobId }),
        ...(error === undefined ? {} : { error }),
      })),
      approvedBy: isApproved ? (facts.approvedBy ?? 'system') : null,
      approvedAt: promotion.approvedAt ?? null,
      deployedAt: promotion.deployedAt ?? null,
      rejectedBy: promotion.rejectedBy?.email ?? null,
      rejectedAt: promotion.rejectedAt ?? null,
      rejectionReason: facts.rejectionReason ?? null,
    },
  };
  // Readers of YAML 1.1 see dates and booleans where 1.2 sees text: what either could misread is quoted.
  return stringify(ticket, { compat: 'yaml-1.1', blockQuote: 'literal', lineWidth: 0 });
}
