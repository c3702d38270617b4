/** Plans of deletions as people see them. */
import type { Answered } from '../kit/operations.ts';
import { counted, dollars, sizeOf } from '../kit/size-words.ts';
import type { Tone } from '../kit/tone.ts';

export type RetentionPlan = Extract<Answered<'previewRetention'>, { totals: unknown }>;

const STATUS: Readonly<Record<RetentionPlan['status'], { text: string; tone: Tone; moving?: boolean }>> = {
  planned: { text: 'Planned', tone: 'calm' },
  applying: { text: 'Deleting', tone: 'warn', moving: true },
  applied: { text: 'Applied', tone: 'good' },
  incomplete: { text: 'Incomplete', tone: 'bad' },
  stopped: { text: 'Stopped', tone: 'bad' },
};

/** The badge of a plan; one whose time is over without having been applied says so. */
export function statusOf({ status, refusedActions }: RetentionPlan): { text: string; tone: Tone; moving?: boolean } {
  if (status === 'planned' && refusedActions.some(({ code }) => code === 'EXPIRED')) return { text: 'Expired', tone: 'idle' };
  return STATUS[status];
}

/** What a plan is about, or what became of it, in a line. */
export function headlineOf({ totals, result }: RetentionPlan): string {
  if (result) return `${counted(result.deleted, 'version')} deleted, ${sizeOf(result.bytesFreed)} freed`;
  if (totals.delete === 0) return 'Nothing would be deleted';
  return `${counted(totals.delete, 'version')} of ${totals.artifacts.toLocaleString('en')} would be deleted`;
}

/** Money in a month; the API counts in cents, and something is never nothing. */
export function savedBy({ savings, totals }: RetentionPlan): string {
  return savings.monthly === 0 && totals.bytesFreed > 0 && savings.pricePerGb > 0 ? 'less than $0.01' : dollars(savings.monthly);
}

/** Why something stays, in the words of who has to agree. */
const REASON_WORDS: Readonly<Record<string, string>> = {
  'in use': 'runs somewhere',
  rollback: 'an environment may go back to it',
  'pending request': 'a request that is not over names it',
  'legal hold': 'is under legal hold',
  protected: 'its tag is protected',
  'keep last': 'is among the newest',
  age: 'is too young',
  unknown: 'not enough is known of it',
  'belongs to what stays': 'belongs to something that stays',
};

export function reasonWords(reason: string): string {
  return REASON_WORDS[reason] ?? reason;
}

/** What is typed to show that the list was read. */
export function confirmationOfPlan({ planHash }: RetentionPlan): string {
  return `delete ${planHash.slice(-6)}`;
}
