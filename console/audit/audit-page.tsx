/** The log: who did what when; and whether what is shown stands in the log that a key of one's own choice has signed. */
import { useEffect, useState } from 'preact/hooks';
import { ask, Problem } from '../kit/client.ts';
import { SelectField, TextField } from '../kit/field.tsx';
import { useMe } from '../kit/me.ts';
import { Empty } from '../kit/notice.tsx';
import type { Answered } from '../kit/operations.ts';
import { goTo, Link, pathOfRequest, pathTo, usePlace } from '../kit/router.tsx';
import { Head } from '../kit/shell.tsx';
import { Badge, Digest, Foreign, sentence, When } from '../kit/text.tsx';
import { Pages } from '../promotion/more-pages.tsx';
import { type PinnedKey, readKey, type Verdict, verifyProof } from './verify-proof.ts';

type Event = Answered<'searchAudit'>['items'][number];

const STORED = 'greenlight-log-key';
const FILTERS = ['artifact', 'user', 'type', 'environment'] as const;

export function AuditPage() {
  const me = useMe();
  const { query } = usePlace();
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? undefined]));
  const [draft, setDraft] = useState(filters);
  const [key, setKey] = useState<PinnedKey>();
  const set = (name: string) => (value: string) => setDraft({ ...draft, [name]: value });
  return (
    <>
      <Head title="Audit log" below={<p class="soft">Sealed lines, the newest first. Each can be proven here, in your browser.</p>} />
      <KeyCard pinned={key} onPin={setKey} />
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          goTo(pathTo(['audit'], draft));
        }}
      >
        <TextField label="Artifact" type="search" value={draft['artifact'] ?? ''} onInput={set('artifact')} />
        <TextField label="Person" value={draft['user'] ?? ''} onInput={set('user')} />
        <TextField label="Kind of event" value={draft['type'] ?? ''} onInput={set('type')} placeholder="approval.decided" />
        <SelectField
          label="Environment"
          value={draft['environment'] ?? ''}
          onInput={set('environment')}
          options={[['', 'Any'], ...(me?.environments ?? []).map(({ name }) => [name, name] as const)]}
        />
        <button type="submit" class="button">
          Search
        </button>
      </form>
      <Pages
        key={JSON.stringify(filters)}
        operation="searchAudit"
        input={{ query: filters }}
        what="the log"
        empty={
          <Empty title="No event fits">
            <p>Events appear here once they are sealed, within a minute.</p>
          </Empty>
        }
        render={(event) => <EventCard key={event.id} event={event} pinned={key} />}
      />
    </>
  );
}

/** The key against which proofs are held. It must come another way than the log: whoever can forge one could send the other. */
function KeyCard({ pinned, onPin }: { pinned: PinnedKey | undefined; onPin(key: PinnedKey | undefined): void }) {
  const [text, setText] = useState(localStorage.getItem(STORED) ?? '');
  const [wrong, setWrong] = useState<string>();
  const pin = async (pem: string) => {
    try {
      onPin(await readKey(pem));
      localStorage.setItem(STORED, pem);
      setWrong(undefined);
    } catch {
      onPin(undefined);
      setWrong('This is not a public key of the log (PEM, Ed25519 or P-256).');
    }
  };
  // What was pinned before.
  useEffect(() => {
    if (text !== '') void pin(text);
  }, []);
  const forget = () => {
    localStorage.removeItem(STORED);
    setText('');
    onPin(undefined);
  };
  if (pinned) {
    return (
      <p class="note good row spread">
        <span>
          Proofs are held against the key <code>{pinned.fingerprint}</code>, which you have pinned in this browser.
        </span>
        <button type="button" class="button tiny" onClick={forget}>
          Pin another
        </button>
      </p>
    );
  }
  return (
    <form
      class="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        void pin(text);
      }}
    >
      <TextField
        label="Public key of the log"
        lines={4}
        value={text}
        onInput={setText}
        wrong={wrong}
        placeholder="-----BEGIN PUBLIC KEY-----"
        hint="Get it from who runs the log, not from this page: only then does a proof mean anything. It stays in this browser."
      />
      <div class="row">
        <button type="submit" class="button">
          Pin this key
        </button>
      </div>
    </form>
  );
}

function EventCard({ event, pinned }: { event: Event; pinned: PinnedKey | undefined }) {
  const { id, type, at, tenant, requestId, actor, artifact, digest, environment, summary, index } = event;
  return (
    <li class="card stack tight" data-event={id}>
      <div class="row spread">
        <strong>
          <Foreign text={sentence(summary)} />
        </strong>
        <span class="small soft mono">{type}</span>
      </div>
      <p class="small soft">
        <Foreign text={actor.email ?? actor.id} /> by {actor.channel} · <When at={at} full /> · <Foreign text={tenant} /> · line {index}
      </p>
      <p class="small row">
        {environment !== null && /^PR-/.test(requestId) ? (
          <Link to={pathOfRequest(environment, requestId)}>{requestId}</Link>
        ) : (
          <span class="mono">{requestId}</span>
        )}
        {artifact !== null && (
          <span>
            <Foreign text={artifact} /> {environment !== null && `→ ${environment}`}
          </span>
        )}
        {digest !== null && <Digest digest={digest} short />}
      </p>
      <ProofOf id={id} pinned={pinned} />
    </li>
  );
}

function ProofOf({ id, pinned }: { id: string; pinned: PinnedKey | undefined }) {
  const [verdict, setVerdict] = useState<Verdict>();
  const [isBusy, setBusy] = useState(false);
  // Another key may say something else.
  useEffect(() => setVerdict(undefined), [pinned]);
  if (!pinned) return null;
  const prove = async () => {
    setBusy(true);
    try {
      setVerdict(await verifyProof(await ask('proveEvent', { params: { eventId: id } }), id, pinned));
    } catch (error) {
      setVerdict({ valid: false, why: error instanceof Problem ? error.message : 'the proof cannot be read' });
    }
    setBusy(false);
  };
  return (
    <div class="row" role="status">
      <button type="button" class="button tiny" aria-disabled={isBusy} onClick={() => void prove()}>
        {isBusy ? 'Proving…' : 'Prove'}
      </button>
      {verdict?.valid && (
        <>
          <Badge tone="good" text="Valid" />
          <span class="small soft">
            in the log {verdict.origin} of {verdict.size} lines
          </span>
        </>
      )}
      {verdict && !verdict.valid && (
        <>
          <Badge tone="bad" text="Invalid" />
          <span class="small">{sentence(verdict.why)}</span>
        </>
      )}
    </div>
  );
}
