/** A new request: what, why, and what then; nothing is sent before its preview was seen. */
import { useState } from 'preact/hooks';
import { LEAST } from '../../core/promotion/visible-length.ts';
import { ask, Problem } from '../kit/client.ts';
import { CheckField, SelectField, TextField } from '../kit/field.tsx';
import { refreshAll, useLive } from '../kit/live.ts';
import { holds, useMe } from '../kit/me.ts';
import { Loading, ProblemNote, Shown } from '../kit/notice.tsx';
import type { Answered } from '../kit/operations.ts';
import { goTo, Link, pathOfRequest, usePlace } from '../kit/router.tsx';
import { Head } from '../kit/shell.tsx';
import { say } from '../kit/toast.tsx';
import { bodyOf, type Draft, draftLike, EMPTY, IMPACTS, mistakesIn, refusedOf, TYPES } from './draft.ts';
import { PlanView } from './plan-view.tsx';

type Plan = Answered<'preview'>;

const CHECKS = [
  ['stagingTestsPassed', 'Staging tests passed'],
  ['securityScanPassed', 'Security scan passed'],
  ['performanceTestsPassed', 'Performance tests passed'],
] as const;

export function NewRequestPage() {
  const me = useMe();
  const { query } = usePlace();
  const places = me?.environments.filter(({ name }, index) => index > 0 && holds(me, 'request', name)) ?? [];
  const wanted = query.get('environment');
  const environment = places.find(({ name }) => name === wanted)?.name ?? places[0]?.name;
  if (!me || environment === undefined) {
    return (
      <>
        <Head title="New request" />
        {me ? <p class="note warn">Your roles do not let you request promotions. Ask whoever administers Greenlight.</p> : <WaitingForMe />}
      </>
    );
  }
  const names = places.map(({ name }) => name);
  const like = query.get('like');
  if (like !== null) return <FormLike key={like} id={like} environment={environment} environments={names} />;
  const given = { ...EMPTY, environment, name: query.get('artifact') ?? '', version: query.get('version') ?? '' };
  return <Form environments={names} given={given} />;
}

/** The form needs to know who asks: why that cannot be said stands here, and not only that it takes long. */
function WaitingForMe() {
  const live = useLive('me', {});
  return (
    <Shown live={live} what="the form">
      {() => <Loading what="the form" />}
    </Shown>
  );
}

/** The form with what an earlier request said; what somebody vouches for is said anew. */
function FormLike({ id, environment, environments }: { id: string; environment: string; environments: readonly string[] }) {
  const live = useLive('getRequest', { params: { env: environment, id } }, () => undefined);
  const { data, problem } = live;
  if (!data && !problem) {
    return (
      <>
        <Head title="New request" />
        <Loading what="the earlier request" />
      </>
    );
  }
  // Without it the form is empty, which is better than none.
  return <Form environments={environments} given={data ? draftLike(data) : { ...EMPTY, environment }} like={data && id} />;
}

function Form({ environments, given, like }: { environments: readonly string[]; given: Draft; like?: string | undefined }) {
  const me = useMe()!;
  const [draft, setDraft] = useState<Draft>(given);
  const [problem, setProblem] = useState<Problem>();
  const [plan, setPlan] = useState<Plan>();
  const [isTried, setTried] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const names = me.environments.map(({ name }) => name);
  const source = names[names.indexOf(draft.environment) - 1]!;
  const set = (change: Partial<Draft>) => {
    setDraft({ ...draft, ...change });
    setPlan(undefined);
    setProblem(undefined);
  };
  const mistakes = mistakesIn(draft);
  // What is wrong is said beside a field once something stands there, and everywhere once it was tried.
  const wrong = (field: keyof Draft) => (isTried || draft[field] !== '' ? (mistakes[field] ?? refusedOf(problem, field)) : undefined);
  const run = async (act: () => Promise<void>) => {
    setTried(true);
    if (Object.keys(mistakes).length > 0) {
      requestAnimationFrame(() => document.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
      return;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      await act();
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, { detail: 'something went wrong on this page' }));
    }
    setBusy(false);
  };
  const params = { env: draft.environment };
  const preview = () => run(async () => setPlan(await ask('preview', { params, body: bodyOf(draft) })));
  const submit = () =>
    run(async () => {
      const answer = await ask('createRequest', {
        params,
        body: { ...bodyOf(draft), ...(plan?.previewRef ? { previewRef: plan.previewRef } : {}) },
      });
      refreshAll();
      if ('code' in answer) {
        say(`${draft.version} is in ${draft.environment} already: nothing was requested`);
        return;
      }
      say(`${answer.metadata.id} is requested`);
      goTo(pathOfRequest(draft.environment, answer.metadata.id));
    });
  return (
    <>
      <Head title="New request" below={<p class="soft">Look at the preview first; nothing is requested before you say so.</p>} />
      {like !== undefined && (
        <p class="note">
          Filled in from <Link to={pathOfRequest(given.environment, like)}>{like}</Link>: say again what you vouch for.
        </p>
      )}
      <div class="cols">
        <form
          class="stack"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            void preview();
          }}
        >
          <fieldset class="card stack">
            <legend class="hidden">What</legend>
            <div class="filters">
              <SelectField
                label="Into"
                value={draft.environment}
                onInput={(value) => set({ environment: value })}
                options={environments.map((name) => [name, name] as const)}
              />
              <SelectField
                label="Type"
                value={draft.type}
                onInput={(value) => set({ type: value as Draft['type'] })}
                options={TYPES.map((type) => [type, type] as const)}
              />
            </div>
            <ArtifactField value={draft.name} onInput={(name) => set({ name })} wrong={wrong('name')} />
            <VersionField draft={draft} source={source} onInput={(version) => set({ version })} wrong={wrong('version')} />
          </fieldset>
          <fieldset class="card stack">
            <legend class="hidden">Why</legend>
            <TextField
              label="Justification"
              lines={3}
              hint={`Why this is needed now; at least ${LEAST.justification} characters.`}
              value={draft.justification}
              onInput={(justification) => set({ justification })}
              wrong={wrong('justification')}
            />
            <TextField
              label="Release notes"
              lines={5}
              hint="What changes for users. Markdown."
              value={draft.releaseNotes}
              onInput={(releaseNotes) => set({ releaseNotes })}
              wrong={wrong('releaseNotes')}
            />
            <SelectField
              label="Impact"
              value={draft.impactAssessment}
              onInput={(value) => set({ impactAssessment: value as Draft['impactAssessment'] })}
              options={IMPACTS.map((impact) => [impact, impact] as const)}
            />
            <TextField
              label="Rollback plan"
              lines={2}
              hint="What is done if it goes wrong."
              value={draft.rollbackPlan}
              onInput={(rollbackPlan) => set({ rollbackPlan })}
              wrong={wrong('rollbackPlan')}
            />
            <TextField
              label="Not before"
              type="datetime-local"
              hint={`Optional; in your time zone (${Intl.DateTimeFormat().resolvedOptions().timeZone}).`}
              value={draft.scheduled}
              onInput={(scheduled) => set({ scheduled })}
              wrong={wrong('scheduled')}
            />
          </fieldset>
          <fieldset class="card stack">
            <legend class="hidden">Checks that you vouch for</legend>
            <p class="label" aria-hidden="true">
              Checks that you vouch for
            </p>
            {CHECKS.map(([name, label]) => (
              <CheckField key={name} label={label} checked={draft[name]} onInput={(checked) => set({ [name]: checked })} />
            ))}
            <TextField
              label="Evidence"
              type="url"
              hint="Address of the pipeline or report."
              placeholder="https://"
              value={draft.testEvidenceUrl}
              onInput={(testEvidenceUrl) => set({ testEvidenceUrl })}
              wrong={wrong('testEvidenceUrl')}
            />
          </fieldset>
          {problem && <ProblemNote problem={problem} />}
          <div class="row actions">
            <button type="submit" class={`button${plan ? '' : ' primary'}`} aria-disabled={isBusy}>
              {isBusy && !plan ? 'Looking…' : 'Preview'}
            </button>
          </div>
        </form>
        <div class="stack" aria-live="polite">
          {plan ? (
            <>
              <PlanView plan={plan} />
              <button type="button" class="button primary" aria-disabled={isBusy} onClick={() => void submit()}>
                {isBusy ? 'One moment…' : `Request ${plan.artifact.version} for ${plan.to}`}
              </button>
            </>
          ) : (
            <div class="card empty">
              <h2>Preview</h2>
              <p>What would change, which gates pass, and who has to approve appears here.</p>
            </div>
          )}
        </div>
      </div>
    </>
  );
}

interface PickerProps {
  onInput(value: string): void;
  wrong: string | undefined;
}

function ArtifactField({ value, ...rest }: PickerProps & { value: string }) {
  const { data } = useLive('listArtifacts', { query: { limit: '100' } }, () => undefined);
  return <TextField label="Artifact" value={value} {...rest} {...(data ? { list: data.items.map(({ name }) => name) } : {})} />;
}

/** Versions that the source environment has, the newest first; any other can be typed. */
function VersionField({ draft, source, ...rest }: PickerProps & { draft: Draft; source: string }) {
  const isNamed = /^[a-z0-9][a-z0-9._/-]*$/.test(draft.name);
  const { data: place } = useLive('getEnvironment', { params: { env: source } }, () => undefined);
  const { data: artifacts } = useLive('listArtifacts', { query: { limit: '100' } }, () => undefined);
  const isKnown = isNamed && (artifacts?.items.some(({ name }) => name === draft.name) ?? false);
  const updates = useLive(
    'listUpdates',
    isKnown ? { params: { name: draft.name }, query: { constraint: '>=0.0.0' } } : undefined,
    () => undefined,
  );
  const here = place?.artifacts.find(({ artifact }) => artifact === draft.name);
  const found = [
    ...(here?.current ? [here.current.version] : []),
    ...(here?.history ?? []).map(({ version }) => version),
    ...(updates.data?.updates ?? []).map(({ version }) => version),
  ];
  const hint = here?.current ? `${source} runs ${here.current.version}.` : `A version that ${source} has.`;
  return <TextField label="Version" value={draft.version} hint={hint} list={[...new Set(found)]} {...rest} />;
}
