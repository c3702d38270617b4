/** The rollout as it goes: registries, weights, smoke checks, bakes. */
import { now } from '../kit/clock.ts';
import { Badge, Bar, Foreign, sentence, words } from '../kit/text.tsx';
import { lengthOf } from '../kit/time-words.ts';
import type { Tone } from '../kit/tone.ts';
import type { PromotionRequest } from './request-page.tsx';
import { shareOf, stepWords } from './state-words.ts';

type Step = NonNullable<PromotionRequest['status']['rollout']>['steps'][number];

const STEPS: Readonly<Record<Step['status'], { text: string; tone: Tone }>> = {
  progressing: { text: 'In progress', tone: 'calm' },
  baking: { text: 'Baking', tone: 'calm' },
  done: { text: 'Done', tone: 'good' },
  aborted: { text: 'Aborted', tone: 'bad' },
};
const COPIES: Readonly<Record<string, Tone>> = { pending: 'calm', copied: 'calm', verified: 'calm', tagged: 'good', failed: 'bad' };

export function RolloutCard({ request: { status } }: { request: PromotionRequest }) {
  const { rollout, copy, phase, step } = status;
  if (!rollout && !copy && phase !== 'promoting' && phase !== 'rolling_back') return null;
  const steps = rollout?.steps ?? [];
  const reached = steps.findLast((each) => each.achievedWeight !== undefined || shareOf(each.step) !== undefined);
  const share = reached?.achievedWeight !== undefined ? reached.achievedWeight / 100 : (shareOf(reached?.step) ?? 0);
  const isBack = phase === 'rolling_back' || phase === 'rolled_back' || phase === 'failed';
  return (
    <section class="card" aria-live="polite">
      <div class="row spread">
        <h2>Rollout</h2>
        {phase === 'promoting' && step !== undefined && <Badge tone="calm" moving text={stepWords(step)} />}
        {phase === 'rolling_back' && <Badge tone="bad" moving text="rolling back" />}
        {phase === 'rolled_back' && <Badge tone="bad" text="rolled back" />}
      </div>
      {steps.length > 0 && (
        <Bar
          share={phase === 'succeeded' ? 1 : share}
          tone={isBack ? 'bad' : phase === 'succeeded' ? 'good' : 'calm'}
          label="Share that runs the new version"
        />
      )}
      <ul class="list">
        {copy?.registries.map(({ name, status: copied, bytes, failure }) => (
          <li key={name}>
            <div class="row spread">
              <span>
                Copy to <Foreign text={name} />
                <span class="soft"> {bytes > 0 ? sizeOf(bytes) : 'nothing was missing'}</span>
              </span>
              <Badge tone={COPIES[copied] ?? 'idle'} text={words(copied)} />
            </div>
            {failure && (
              <p class="bad">
                <Foreign text={sentence(failure.message)} />
              </p>
            )}
          </li>
        ))}
        {steps.map((each) => (
          <StepLine key={each.step + each.startedAt} step={each} />
        ))}
      </ul>
    </section>
  );
}

function StepLine({ step: { step, status, startedAt, endedAt, achievedWeight, message } }: { step: Step }) {
  const seconds = ((endedAt === undefined ? now() : Date.parse(endedAt)) - Date.parse(startedAt)) / 1_000;
  return (
    <li>
      <div class="row spread">
        <span>
          {stepWords(step)}
          <span class="soft">
            {achievedWeight !== undefined && ` · ${achievedWeight} % of the pods`} · {lengthOf(seconds)}
          </span>
        </span>
        <Badge {...STEPS[status]} moving={endedAt === undefined && status !== 'aborted' && status !== 'done'} />
      </div>
      {message !== undefined && (
        <p class={status === 'aborted' ? 'bad' : 'soft'}>
          <Foreign text={sentence(message)} />
        </p>
      )}
    </li>
  );
}

function sizeOf(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1_000 ** power).toLocaleString('en', { maximumFractionDigits: 1 })} ${units[power]}`;
}
