/** A list by pages: the first is kept fresh, the others are fetched as they are asked for. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { ask, Problem } from '../kit/client.ts';
import { useLive } from '../kit/live.ts';
import { Empty, ProblemNote, Shown } from '../kit/notice.tsx';
import type { Answered, Asked, Operation } from '../kit/operations.ts';

type Listing = { items: readonly unknown[]; nextCursor?: string | undefined };
/** Operations that answer a list. */
type ListOperation = { [Op in Operation]: Answered<Op> extends Listing ? Op : never }[Operation];
type ItemOf<Op extends ListOperation> = Answered<Op> extends { items: readonly (infer Item)[] } ? Item : never;

interface PagesProps<Op extends ListOperation> {
  operation: Op;
  input: Asked<Op>;
  what: string;
  /** In place of a list without items. */
  empty: ComponentChildren;
  render(item: ItemOf<Op>): ComponentChildren;
}

/** Give it a `key` of the question: another question begins anew. */
export function Pages<Op extends ListOperation>({ operation, input, what, empty, render }: PagesProps<Op>) {
  const live = useLive(operation, input);
  const [more, setMore] = useState<{ items: ItemOf<Op>[]; nextCursor: string | undefined }>();
  const [problem, setProblem] = useState<Problem>();
  const [isLoading, setLoading] = useState(false);
  const load = async (cursor: string) => {
    setLoading(true);
    setProblem(undefined);
    try {
      const page = (await ask(operation, { ...input, query: { ...input.query, cursor } } as Asked<Op>)) as Listing;
      setMore({ items: [...(more?.items ?? []), ...(page.items as ItemOf<Op>[])], nextCursor: page.nextCursor });
    } catch (error) {
      if (error instanceof Problem) setProblem(error);
    }
    setLoading(false);
  };
  return (
    <Shown live={live} what={what}>
      {(data) => {
        const first = data as unknown as Listing;
        // What has moved from the first page on to a later one is there once.
        const known = new Set(first.items.map(keyOf));
        const items = [...(first.items as ItemOf<Op>[]), ...(more?.items ?? []).filter((item) => !known.has(keyOf(item)))];
        const next = more ? more.nextCursor : first.nextCursor;
        return (
          <>
            {items.length === 0 && next === undefined ? empty : <ul class="stack cards">{items.map(render)}</ul>}
            {items.length === 0 && next !== undefined && (
              <Empty title="Nothing found yet">
                <p>Only the newest were looked through.</p>
              </Empty>
            )}
            {problem && <ProblemNote problem={problem} />}
            {next !== undefined && (
              <button type="button" class="button" disabled={isLoading} onClick={() => void load(next)}>
                {isLoading ? 'Loading…' : 'Show more'}
              </button>
            )}
          </>
        );
      }}
    </Shown>
  );
}

function keyOf(item: unknown): string {
  const { metadata, id, planId } = item as { metadata?: { id: string }; id?: string; planId?: string };
  return metadata?.id ?? id ?? planId ?? JSON.stringify(item);
}
