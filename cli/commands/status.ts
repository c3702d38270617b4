/** `greenlight status` and `greenlight list`: what runs where. */
import { type Command, Option } from 'commander';
import { withoutEnvironment } from '../../core/registry/version.ts';
import { CommandFailure, EXIT, usageFailure } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { type Output, oneLine } from '../output.ts';
import { type EnvironmentList, type PlaceView, type RequestView, requestPath } from '../request.ts';
import type { Session, SharedOptions } from '../session.ts';
import { askedLines, shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';
import { statusAt } from './status-at.ts';

interface WindowView {
  open: boolean;
  closedBy?: string[];
  opens?: string;
}

interface Place extends PlaceView {
  window?: WindowView;
  environment: string;
  /** Version in the environment before, and its name. */
  before?: string;
  source?: string;
  /** Requests on their way here, with who is asked. */
  requests: RequestView[];
}

/** Past versions that are shown. */
const SHOWN_HISTORY = 5;

export function statusVerb(context: VerbContext): Command {
  return verb<{ environment?: string; at?: string }>(context, 'status [ENV]', {
    summary: 'Shows what runs where, and what is on its way',
    examples: ['status', 'status prod --at 2026-11-20T09:30:00Z', 'status --environment all --json'],
    run: async (session, [environment], options) => {
      if (environment !== undefined && options.environment !== undefined) throw usageFailure('name the environment once');
      const wanted = environment ?? options.environment ?? 'all';
      if (options.at !== undefined) return statusAt(session, wanted, options.at);
      const places = await readPlaces(session, wanted);
      session.output.document({ items: places.map(({ requests: _requests, ...place }) => place) });
      showPlaces(session.output, places);
      return EXIT.done;
    },
  })
    .addOption(new Option('--environment <ENV>', 'an environment, or all').argParser(notEmpty))
    .addOption(new Option('--at <TIME>', 'what ran then and why it was allowed, e.g. 2026-11-20T09:30:00Z').argParser(notEmpty));
}

export function listVerb(context: VerbContext): Command {
  return verb<{ environment: string } & SharedOptions>(context, 'list', {
    summary: 'Lists the versions that are and were in an environment',
    examples: ['list --environment prod', 'list --environment=staging --artifact payment-api', 'list --environment dev --json'],
    run: async (session, _operands, { environment }) => {
      const places = await readPlaces(session, environment);
      const versions = places.flatMap(({ artifact, current, history = [] }) =>
        history.map((entry) => ({
          artifact,
          ...entry,
          tag: `${entry.version}-${environment}`,
          current: current?.requestId === entry.requestId && current.digest === entry.digest,
        })),
      );
      session.output.document({ environment, items: versions });
      for (const { artifact, tag, digest, at, outcome, current } of versions) {
        const mark = current ? session.output.paint('good', '*') : ' ';
        session.output.line(
          `${mark} ${oneLine(artifact)}:${oneLine(tag)}  ${oneLine(digest).slice(0, 19)}  ${shownTime(at)}  ${oneLine(outcome)}`,
        );
      }
      return EXIT.done;
    },
  }).addOption(new Option('--environment <ENV>', 'the environment').argParser(notEmpty).makeOptionMandatory());
}

/** Places of the artifact (of all, where none is named) in one environment or in all, with their past. */
async function readPlaces(session: Session, wanted: string): Promise<Place[]> {
  const { client, knownArtifact } = session;
  const { items } = await client.get<EnvironmentList>('/v1/environments');
  if (wanted !== 'all' && !items.some(({ environment }) => environment === wanted)) {
    throw new CommandFailure(EXIT.no, `there is no environment ${wanted}`, {
      code: 'NOT_FOUND',
      hint: `there are: ${items.map(({ environment }) => environment).join(', ')}`,
    });
  }
  const places: Place[] = [];
  const names = items.map(({ environment }) => environment);
  for (const [index, { environment }] of items.entries()) {
    if (wanted !== 'all' && environment !== wanted) continue;
    const { artifacts, window } = await client.get<{ artifacts: PlaceView[]; window?: WindowView }>(
      `/v1/environments/${encodeURIComponent(environment)}`,
    );
    for (const place of artifacts.filter(({ artifact }) => knownArtifact === undefined || artifact === knownArtifact)) {
      const before = items[index - 1]?.artifacts.find(({ artifact }) => artifact === place.artifact)?.current?.version;
      places.push({
        environment,
        ...place,
        ...(window ? { window } : {}),
        ...(before === undefined ? {} : { before }),
        ...(index === 0 ? {} : { source: items[index - 1]!.environment }),
        requests: await readPending(session, environment, place, names),
      });
    }
  }
  return places;
}

/** Versions as they are named in every environment: who asked may have written `v1.2.3-dev`. */
async function readPending(
  { client }: Session,
  environment: string,
  { pending = [] }: PlaceView,
  names: readonly string[],
): Promise<RequestView[]> {
  const requests: RequestView[] = [];
  for (const { id } of pending) {
    const target = { name: '', version: '', sourceEnvironment: '', targetEnvironment: environment };
    const reference = { metadata: { id, createdAt: '', createdBy: '', version: 0 }, spec: { target }, status: { state: '', phase: '' } };
    const request = await client.get<RequestView>(requestPath(reference));
    request.spec.target.version = withoutEnvironment(request.spec.target.version, names);
    requests.push(request);
  }
  return requests;
}

function showPlaces(output: Output, places: readonly Place[]): void {
  for (const artifact of new Set(places.map((place) => place.artifact))) {
    output.line(`Promotion Status: ${oneLine(artifact)}`);
    for (const place of places.filter((each) => each.artifact === artifact)) {
      output.line();
      for (const line of placeLines(output, place)) output.line(line);
    }
    output.line();
  }
  if (places.length === 0) output.talk('there is nothing to show');
}

function placeLines(output: Output, place: Place): string[] {
  const { environment, current, rolledBack, flags, before, requests, history = [] } = place;
  const name = (version: string): string => `${oneLine(version)}-${oneLine(environment)}`;
  const waiting = requests.filter(({ status }) => status.phase === 'pending_approval');
  const past = history.filter(({ requestId }) => requestId !== current?.requestId).slice(0, SHOWN_HISTORY);
  return [
    oneLine(environment),
    `  Current: ${current ? (rolledBack ? `${oneLine(current.version)} (rolled back from ${oneLine(rolledBack.version)})` : name(current.version)) : 'nothing'}`,
    `  Status: ${healthOf(output, place)}`,
    ...(current ? [`  Updated: ${shownTime(current.at)}`] : []),
    ...lockLines(place),
    ...promotedFrom(place),
    ...previousLines(place, name),
    ...wayBackLines(output, place),
    ...(flags?.out_of_date && before !== undefined ? [`  Latest available: ${oneLine(before)}`] : []),
    ...requests.map(({ metadata, spec, status }) => {
      const { version, sourceEnvironment } = spec.target;
      const what =
        spec.kind === 'rollback'
          ? `rollback: to ${oneLine(version)}`
          : `promotion: ${oneLine(version)}-${oneLine(sourceEnvironment)} → ${oneLine(environment)}`;
      return `  Pending ${what} (${phaseOf(status)}) ${oneLine(metadata.id)}`;
    }),
    `  Pending approvals: ${waiting.length === 0 ? 'None' : waiting.map(({ metadata }) => oneLine(metadata.id)).join(', ')}`,
    ...approverLine(waiting),
    ...waiting.flatMap(({ status }) => askedLines(status.approvals?.stages ?? []).map((line) => `  ${line}`)),
    `  History: ${past.length === 0 ? 'none' : past.map(({ version, at, outcome }) => `${name(version)} (${shownTime(at)}, ${oneLine(outcome.replaceAll('_', ' '))})`).join(', ')}`,
  ];
}

function phaseOf({ phase, waitingOn }: RequestView['status']): string {
  if (phase === 'pending_approval') return 'approval required';
  return `${oneLine(phase.replaceAll('_', ' '))}${waitingOn === undefined ? '' : `, waits on ${oneLine(waitingOn)}`}`;
}

/** Teams and roles whose approval is missing, as they are mentioned. */
function approverLine(waiting: readonly RequestView[]): string[] {
  const rules = waiting.flatMap(({ status }) => (status.approvals?.stages ?? []).flatMap((stage) => stage.rules));
  const teams = [...new Set(rules.filter(({ given = [], min }) => given.length < min).map(({ team }) => `@${oneLine(team)}`))];
  return teams.length === 0 ? [] : [`  Approvers: ${teams.join(', ')}`];
}

function lockLines({ lock, window }: Place): string[] {
  const until = window?.opens === undefined ? 'no window opens within a year' : `until ${shownTime(window.opens)}`;
  const why = (window?.closedBy ?? []).map(oneLine).join(', ');
  return [
    ...(lock ? [`  Locked: ${oneLine(lock.reason)} (by ${oneLine(lock.by)} since ${shownTime(lock.at)})`] : []),
    ...(window?.open === false ? [`  Frozen: ${until}${why === '' ? '' : ` (${why})`}`] : []),
  ];
}

/** Versions go one way only: what did not come here by a rollback came from the environment before. */
function promotedFrom({ current, rolledBack, source }: Place): string[] {
  if (!current || rolledBack || source === undefined || current.requestId === 'adopted') return [];
  return [`  Promoted from: ${oneLine(source)} ${oneLine(current.version)}-${oneLine(source)}`];
}

/** Whether there is a way back, as last proven; nothing where nobody has looked yet. */
function wayBackLines(output: Output, { watch, flags }: PlaceView): string[] {
  if (!watch) return [];
  const { rollback, drift, checkedAt } = watch;
  const previous = rollback.waysBack.find(({ purpose }) => purpose === 'previous');
  const took = rollback.lastSeconds === undefined ? '' : `, the last one took ${Math.round(rollback.lastSeconds)} s`;
  const problems = rollback.waysBack.flatMap((way) =>
    way.ready ? [] : way.problems.map((problem) => `    ${oneLine(way.version)}: ${oneLine(problem)}`),
  );
  const ready = previous ? `ready to go back to ${oneLine(previous.version)}` : 'nothing before it to go back to';
  const found = problems.length === 0 ? `${output.tick} ${ready}${took}` : `${output.cross} not ready`;
  return [
    `  Rollback: ${rollback.waysBack.length === 0 ? 'not looked at since the last change' : found} (checked ${shownTime(checkedAt)})`,
    ...problems,
    ...(drift.status === 'drifted' && flags?.drifted
      ? [`  Drift: since ${shownTime(drift.since ?? '')} it runs ${(drift.running ?? []).map(oneLine).join(', ')}`]
      : []),
  ];
}

/** What ran before: after a rollback that is what was taken back, and when. */
function previousLines({ rolledBack, previous, current }: Place, name: (version: string) => string): string[] {
  if (rolledBack) return [`  Previous: ${oneLine(rolledBack.version)} (failed, rolled back ${shownTime(rolledBack.at)})`];
  return previous ? [`  Previous: ${name(previous.version)} (until ${current ? shownTime(current.at) : 'now'})`] : [];
}

function healthOf(output: Output, { current, health, flags, lock }: PlaceView): string {
  if (!current) return '- nothing has been promoted here';
  if (health === 'failed') return `${output.cross} Failed`;
  const warnings = [
    ...(health === 'warning' ? ['Warning'] : []),
    ...(flags?.drifted ? ['Drifted'] : []),
    ...(lock ? ['Locked'] : flags?.locked ? ['Being changed'] : []),
    ...(flags?.frozen ? ['Frozen'] : []),
    ...(flags?.out_of_date ? ['Out-of-date'] : []),
  ];
  return warnings.length > 0 ? `${output.paint('warn', '⚠')} ${warnings.join(', ')}` : `${output.tick} Healthy`;
}
