import { Badge, Foreign, sentence, When, words } from '../kit/text.tsx';
import { toneOfGate } from './state-words.ts';

interface Gate {
  name: string;
  type: string;
  status: string;
  message: string;
  resolution: string;
}

/** Gates with what they found and what to do about it. */
export function GateList({ gates }: { gates: readonly Gate[] }) {
  return (
    <ul class="list">
      {gates.map(({ name, type, status, message, resolution }) => (
        <li key={name}>
          <div class="row spread">
            <span>
              <strong>
                <Foreign text={name} />
              </strong>
              {type !== name && <span class="soft"> {type}</span>}
            </span>
            <Badge tone={toneOfGate(status)} text={words(status)} moving={status === 'running'} />
          </div>
          {message !== '' && (
            <p class="soft">
              <Foreign text={sentence(message)} />
            </p>
          )}
          {resolution !== '' && status !== 'passed' && (
            <p>
              <span class="strong">What to do:</span> <Foreign text={sentence(resolution)} />
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}

export function GatesCard({
  request: {
    status: { gates, waivers },
  },
}: {
  request: { status: { gates: readonly Gate[]; waivers?: readonly { gate: string; by: string; at: string }[] | undefined } };
}) {
  return (
    <section class="card">
      <h2>Gates</h2>
      {gates.length === 0 ? <p class="soft">No gate guards this environment.</p> : <GateList gates={gates} />}
      {waivers?.map(({ gate, by, at }) => (
        <p key={gate} class="note warn">
          <Foreign text={gate} /> was waived by <Foreign text={by} />, <When at={at} />.
        </p>
      ))}
    </section>
  );
}
