/** What a request changes, or has changed: what ran there before it, and what it brings. */
import type { Answered } from '../kit/operations.ts';

type Place = Answered<'getEnvironment'>['artifacts'][number];

export interface Change {
  title: string;
  before: { label: string; version: string | undefined; digest?: string | undefined; since?: string | undefined };
  brings: string;
  /** The very same runs there already, and the request is still open. */
  isThere: boolean;
}

/** `place`: what is known of the artifact in the environment; undefined where it never was. */
export function changeOf(
  { id, environment, digest, isOver }: { id: string; environment: string; digest: string; isOver: boolean },
  place: Place | undefined,
): Change {
  const current = place?.current ?? undefined;
  const now = { version: current?.version, digest: current?.digest, since: current?.at };
  if (!isOver) {
    const isThere = current?.digest === digest;
    const before = { label: `Runs in ${environment}`, ...now };
    return { title: isThere ? 'What runs' : 'What will change', before, brings: 'This request brings', isThere };
  }
  const entry = place?.history.find(({ requestId }) => requestId === id);
  // What has never begun has changed nothing: what runs there is what ran all the time, or came later.
  if (!entry)
    return {
      title: 'What was to change',
      before: { label: `Runs in ${environment} now`, ...now },
      brings: 'This request was to bring',
      isThere: false,
    };
  const earlier = place!.history.find(({ version, requestId }) => version === entry.replaced && requestId !== id);
  const before = { label: `Ran in ${environment} before`, version: entry.replaced, digest: earlier?.digest };
  const isDone = entry.outcome === 'succeeded';
  return {
    title: isDone ? 'What changed' : 'What was to change',
    before,
    brings: isDone ? 'This request brought' : 'This request was to bring',
    isThere: false,
  };
}
