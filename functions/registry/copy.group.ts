/** Lambda `copy`: the tasks that write to registries. COPY_DEADLINE_SECONDS shortens one pass of the copy; the default is 600. */
import { compareRegistries } from '../../adapters/registry/compare-copy.ts';
import { registryWriter } from '../../adapters/registry/registry-writer.ts';
import { taskHandler } from '../kit/task.ts';
import { copy } from './copy.task.ts';
import { finish } from './finish.task.ts';
import { tag } from './tag.task.ts';

const writer = registryWriter();
const seconds = process.env['COPY_DEADLINE_SECONDS'];

export const handler = taskHandler({
  copy: copy({ writer, reader: { compare: compareRegistries }, ...(seconds === undefined ? {} : { seconds: Number(seconds) }) }),
  tag: tag(writer),
  finish: finish(writer),
});
