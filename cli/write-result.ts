/** Results that are files: into the file that the user names, or as they are on stdout. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { usageFailure } from './failure.ts';
import type { Session } from './session.ts';

/** Overwrites nothing: a proof that is kept must not go by a slip. */
export async function writeResult({ around, output }: Session, file: string | undefined, text: string): Promise<void> {
  if (file === undefined) {
    output.raw(text);
    return;
  }
  try {
    await writeFile(resolve(around.cwd, file), text, { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw usageFailure(
      code === 'EEXIST' ? `${file} is there already` : `${file} cannot be written (${code ?? 'error'})`,
      code === 'EEXIST' ? 'give another name with --output' : undefined,
    );
  }
  if (!output.json) output.talk(`written to ${file}`);
  else output.document({ file });
}
