/** An event as everybody outside gets it, on the bus and by webhook: a CloudEvent, JSON. It holds ids and facts; no tokens, no free text, no names of people. */
import type { NoticeType } from '../promotion/change.ts';
import { aliasesOf } from './event-name.ts';
import type { Severity } from './message.ts';

export interface OutgoingEvent {
  /** Unique and stable: a repeated delivery has the same id. */
  id: string;
  type: NoticeType | 'ping';
  severity: Severity;
  subject: string;
  time: Date;
  data: Record<string, string | number | boolean | null>;
}

export interface CloudEvent {
  specversion: '1.0';
  id: string;
  source: string;
  type: string;
  subject: string;
  time: string;
  datacontenttype: 'application/json';
  data: Record<string, unknown>;
}

/** `origin` is that of the API. */
export function cloudEventOf({ id, type, severity, subject, time, data }: OutgoingEvent, origin: string): CloudEvent {
  return {
    specversion: '1.0',
    id,
    source: `${origin}/v1`,
    type: `dev.greenlight.${type}`,
    subject,
    time: time.toISOString(),
    datacontenttype: 'application/json',
    data: { ...data, severity, aliases: type === 'ping' ? [] : aliasesOf({ type, data }) },
  };
}
