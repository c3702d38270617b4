/** What the requester wrote. */
import type { ComponentChildren } from 'preact';
import { later } from '../kit/later.tsx';
import { Cut, Foreign, LongText, When } from '../kit/text.tsx';
import type { PromotionRequest } from './request-page.tsx';

const Markdown = later(
  () => import('../kit/markdown.tsx'),
  ({ text }: { text: string }) => (
    <p class="pre">
      <Foreign text={text} />
    </p>
  ),
);
const Evidence = later(
  async () => ({ default: (await import('../kit/markdown.tsx')).Away }),
  ({ address }: { address: string }) => <Foreign text={address} />,
);

const CHECKS = [
  ['stagingTestsPassed', 'Staging tests passed'],
  ['securityScanPassed', 'Security scan passed'],
  ['performanceTestsPassed', 'Performance tests passed'],
] as const;

export function TextsCard({ request: { spec } }: { request: PromotionRequest }) {
  const { justification, releaseNotes, impactAssessment, rollbackPlan, scheduledDate, priority } = spec.request;
  const { testEvidenceUrl } = spec.preChecks;
  return (
    <section class="card stack">
      <Part title="Why">
        <LongText text={justification} />
      </Part>
      <Part title="Release notes">
        <Cut text={releaseNotes}>{(shown) => <Markdown text={shown} />}</Cut>
      </Part>
      <Part title="If it goes wrong">
        <LongText text={rollbackPlan} />
      </Part>
      <dl class="facts">
        <dt>Impact</dt>
        <dd>{impactAssessment}</dd>
        {priority !== undefined && (
          <>
            <dt>Priority</dt>
            <dd>{priority}</dd>
          </>
        )}
        {scheduledDate !== null && (
          <>
            <dt>Not before</dt>
            <dd>
              <When at={scheduledDate} full />
            </dd>
          </>
        )}
        <dt>Claimed checks</dt>
        <dd>
          <ul>
            {CHECKS.map(([name, label]) => (
              <li key={name}>
                <span class={spec.preChecks[name] ? 'good' : 'warn'} aria-hidden="true">
                  {spec.preChecks[name] ? '✓' : '✗'}
                </span>{' '}
                {spec.preChecks[name] ? label : `Not claimed: ${label.toLowerCase()}`}
              </li>
            ))}
          </ul>
        </dd>
        <dt>Evidence</dt>
        <dd>
          <Evidence address={testEvidenceUrl} />
        </dd>
      </dl>
    </section>
  );
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div>
      <h2>{title}</h2>
      {children}
    </div>
  );
}
