/** Waits no longer than an answer may take. */

/** The value, or undefined when it takes longer. Real time: the caller waits in it. */
export async function withinTime<Value>(value: Promise<Value>, milliseconds: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  return Promise.race([value, late]).finally(() => clearTimeout(timer));
}
