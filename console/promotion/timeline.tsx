/** Every event of the request, the newest last, as it happened. */
import { Foreign, LongText, shortDigests, When, words } from '../kit/text.tsx';
import type { Tone } from '../kit/tone.ts';
import { grouped } from './history-lines.ts';
import type { PromotionRequest } from './request-page.tsx';

const TONES: readonly (readonly [RegExp, Tone])[] = [
  [/fail|reject|expire|abort|rolled_back|rollback|blocked/, 'bad'],
  [/succeed|approve|deployed|passed/, 'good'],
  [/cancel|withdraw|waive|break/, 'warn'],
];

function toneOf(action: string): Tone {
  return TONES.find(([pattern]) => pattern.test(action))?.[1] ?? 'calm';
}

export function Timeline({ request: { status } }: { request: PromotionRequest }) {
  return (
    <section class="card">
      <h2>Timeline</h2>
      <ol class="timeline">
        {grouped(status.history).map(({ times, action, at, by, comment, error, onBehalfOf, jobId }, index) => (
          // A request's events are only ever added to.
          <li key={index} class={toneOf(action)}>
            <p class="strong">
              {words(action.replaceAll('.', ' '))}
              {times > 1 && <span class="soft"> {times} times</span>}
            </p>
            <p class="small soft">
              <Foreign text={by} />
              {onBehalfOf !== undefined && (
                <>
                  {' '}
                  for <Foreign text={onBehalfOf} />
                </>
              )}{' '}
              · <When at={at} />
              {jobId !== undefined && ` · job ${jobId}`}
            </p>
            {comment !== undefined && comment !== '' && <LongText text={comment} />}
            {error !== undefined && (
              <p class="bad">
                <Foreign text={shortDigests(error)} />
              </p>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
