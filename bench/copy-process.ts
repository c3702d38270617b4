/**
 * One copy as a process of its own, so that its processor time and memory are those of the product's writer and of nothing else. Bundled as a function
 * would be, and started by copy.ts with a JSON text; prints a CopyReport.
 */
import { subscribe } from 'node:diagnostics_channel';
import { inParallel } from '../adapters/registry/in-parallel.ts';
import { realNow, registryWriter } from '../adapters/registry/registry-writer.ts';

export interface CopyOrder {
  /** Scheme, host and port. */
  source: string;
  target: string;
  /** Stands before the repository at the target. */
  prefix: string;
  repository: string;
  /** Tags that are written at the target, and what they name. */
  releases: { tag: string; digest: string }[];
  atOnce: number;
}

export interface CopyReport {
  /** From the first to the last request. */
  milliseconds: number;
  peakMiB: number;
  requests: number;
  copiedBytes: number;
}

const order = JSON.parse(process.argv[2]!) as CopyOrder;
process.env['ALLOWED_ORIGINS'] = `${order.source},${order.target}`;
const source = { name: 'source', origin: order.source, prefix: '' };
const target = { name: 'target', origin: order.target, prefix: order.prefix };

let requests = 0;
subscribe('http.client.request.start', () => requests++);
let copiedBytes = 0;
const began = performance.now();
const writer = registryWriter();
await inParallel(order.releases, order.atOnce, async ({ tag, digest }) => {
  const progress = await writer.copy(source, target, order.repository, digest, realNow() + 900_000);
  if (!progress.done) throw new Error(`${tag} was not copied within 900 s`);
  copiedBytes += progress.copiedBytes ?? 0;
  await writer.tagOnce(target, order.repository, tag, digest);
});
const report: CopyReport = {
  milliseconds: performance.now() - began,
  // maxRSS is in KiB.
  peakMiB: process.resourceUsage().maxRSS / 1024,
  requests,
  copiedBytes,
};
console.log(JSON.stringify(report));
process.exit(0);
