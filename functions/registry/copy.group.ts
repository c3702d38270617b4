/**
 * Lambda `copy`: the tasks that write to registries. COPY_DEADLINE_SECONDS shortens one pass of the copy (default 600), COPY_PART_BYTES the parts of large
 * blobs (default 64 MiB).
 */
import { compareRegistries } from '../../adapters/registry/compare-copy.ts';
import { registryWriter } from '../../adapters/registry/registry-writer.ts';
import { uploadRows } from '../../adapters/registry/upload-rows.ts';
import { clock, table } from '../kit/state.ts';
import { taskHandler } from '../kit/task.ts';
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

export const handler = taskHandler({
  copy: copy({ writer, reader: { compare: compareRegistries }, ...(seconds === undefined ? {} : { seconds }) }),
  tag: tag(writer),
  finish: finish(writer, receiptFromFunction),
});
