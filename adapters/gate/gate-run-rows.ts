/** Rows that say which gate of which request an answer from outside belongs to. Written by the gates function, read by those that take answers. */
import { gateRunKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';

export interface GateRun {
  runId: string;
  requestId: string;
  attempt: number;
  gate: string;
}

export interface GateRunRows {
  /** `alias`: another id that the answer comes with, such as the ARN of a build. */
  keep(run: GateRun, now: Date, alias?: string): Promise<void>;
  /** `id` is attacker-controlled: a look-up only. */
  find(id: string): Promise<GateRun | undefined>;
}

/** A run lasts an hour at most; a replayed answer is recognized for two days. */
const LIFETIME_SECONDS = 2 * 86_400;

export function gateRunRows(table: Table): GateRunRows {
  return {
    async keep(run, now, alias = run.runId) {
      const ttl = Math.floor(now.getTime() / 1000) + LIFETIME_SECONDS;
      await table.put({ PK: gateRunKey(alias), SK: 'RUN', ttl, body: run });
    },
    async find(id) {
      return (await table.get(gateRunKey(id), 'RUN'))?.['body'] as GateRun | undefined;
    },
  };
}
