/** Runs `act` over all items, `limit` at once; the first error ends it once those under way have ended. */
export async function inParallel<Item>(items: Iterable<Item>, limit: number, act: (item: Item) => Promise<void>): Promise<void> {
  const queue = [...items];
  let failed = false;
  let failure: unknown;
  const work = async () => {
    for (let item = queue.shift(); item !== undefined && !failed; item = queue.shift()) {
      try {
        await act(item);
      } catch (error) {
        failure ??= error;
        failed = true;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, queue.length) }, work));
  if (failed) throw failure;
}
