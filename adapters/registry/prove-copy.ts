/** Shows that a digest can be pulled from a registry: its closure walked there, without looking at any source. */
import type { RegistryConfiguration } from '../../core/environment/configuration.ts';
import { Fault, Refusal } from '../../core/errors.ts';
import { inParallel } from './in-parallel.ts';
import { openRepository } from './repository.ts';
import { readClosure } from './source-closure.ts';

const REQUESTS_AT_ONCE = 8;

/** What the registry lacks of the digest in words, or undefined when it has every manifest and blob of its closure. Fault UNAVAILABLE. */
export async function lackOf(registry: RegistryConfiguration, name: string, digest: string): Promise<string | undefined> {
  const repository = await openRepository(registry, name);
  let closure: Awaited<ReturnType<typeof readClosure>>;
  try {
    closure = await readClosure(repository, digest);
  } catch (error) {
    if (error instanceof Refusal || (error instanceof Fault && !error.retryable)) return error.message;
    throw error;
  }
  const lacking: string[] = [];
  await inParallel(closure.blobs, REQUESTS_AT_ONCE, async ([blob, size]) => {
    const found = await repository.blobSize(blob);
    if (found !== size)
      lacking.push(found === undefined ? `blob ${blob} is not there` : `blob ${blob} has ${found} bytes instead of ${size}`);
  });
  const [first] = lacking.sort();
  return first === undefined ? undefined : lacking.length === 1 ? first : `${first}, and ${lacking.length - 1} more`;
}
