/**
 * Lambda `copy`: the tasks that write to registries, and every minute a look at the tags that say what is latest. COPY_DEADLINE_SECONDS shortens one pass of the copy (default 600), COPY_PART_BYTES the parts of large
 * blobs (default 64 MiB).
 */
import { compareRegistries } from '../../adapters/registry/compare-copy.ts';
import { registryWriter } from '../../adapters/registry/registry-writer.ts';
import { uploadRows } from '../../adapters/registry/upload-rows.ts';
import { clock, configuration, environments, promotions, table } from '../kit/state.ts';
import { type NextStep, type RunEvent, taskHandler } from '../kit/task.ts';
import { copy } from './copy.task.ts';
import { finish } from './finish.task.ts';
import { receiptFromFunction } from './put-receipt.ts';
import { tag } from './tag.task.ts';

const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
const seconds = number(process.env['COPY_DEADLINE_SECONDS']);
const partBytes = number(process.env['COPY_PART_BYTES']);
const writer = registryWriter({
  ...(partBytes === undefined ? {} : { partBytes }),
  uploadsOf: (requestId) => uploadRows(table, clock, requestId),
});

const tasks = taskHandler({
  copy: copy({ writer, reader: { compare: compareRegistries }, ...(seconds === undefined ? {} : { seconds }) }),
  tag: tag(writer),
  finish: finish(writer, receiptFromFunction),
});

/** The state machine names a task; the schedule does not. */
export async function handler(event: Partial<RunEvent>): Promise<NextStep | { moved: string[] }> {
  if (event.task !== undefined) return tasks(event as RunEvent);
  const { repairLatest } = await import('./repair-latest.ts');
  const { raiseAlert } = await import('../../adapters/notification/system-alerts.ts');
  return repairLatest({
    ...{ configuration, environments, promotions, writer },
    alert: async ({ tag: name, registry, ...where }) => {
      const reason = `${name} of ${where.artifact} in ${registry} did not name what runs in ${where.environment}, and was moved back`;
      const data = { ...where, registry, tag: name };
      await raiseAlert(
        table,
        clock.now(),
        { type: 'tag.written', data },
        { type: 'environment.alert', data: { ...data, signal: 'latest_moved', reason } },
      );
    },
  });
}
