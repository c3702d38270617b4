/** Mails that were accepted, oldest first: one JSON line each, synced before the sender hears of it. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '../durable-file.ts';

/** One mail as `GET /inbox` shows it. */
export interface Mail {
  messageId: string;
  /** Every recipient of the envelope: to, cc and bcc. */
  to: string[];
  from: string;
  subject: string;
  text: string;
  html: string;
  /** The message as sent. */
  raw: string;
  /** Virtual ISO date. */
  at: string;
  cc: string[];
  bcc: string[];
}

export class Mailbox {
  readonly #file: string;
  #mails: Mail[] = [];
  #handle: number;

  constructor(folder: string) {
    this.#file = join(folder, 'inbox.jsonl');
    this.#mails = read(this.#file);
    // Rewritten at each start: a line that a crash tore must not swallow the next one.
    writeFileDurably(this.#file, this.#mails.map((mail) => `${JSON.stringify(mail)}\n`).join(''));
    this.#handle = openSync(this.#file, 'a', 0o600);
  }

  get size(): number {
    return this.#mails.length;
  }

  /** Mails that arrived at `since` (ISO date) or later; all without it. */
  list(since?: string): Mail[] {
    const from = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
    return this.#mails.filter((mail) => Date.parse(mail.at) >= from);
  }

  find(messageId: string): Mail | undefined {
    return this.#mails.find((mail) => mail.messageId === messageId);
  }

  add(mail: Mail): void {
    const line = Buffer.from(`${JSON.stringify(mail)}\n`);
    for (let offset = 0; offset < line.length; ) offset += writeSync(this.#handle, line, offset);
    fsyncSync(this.#handle);
    this.#mails.push(mail);
  }

  clear(): void {
    closeSync(this.#handle);
    writeFileDurably(this.#file, '');
    this.#handle = openSync(this.#file, 'a', 0o600);
    this.#mails = [];
  }

  close(): void {
    closeSync(this.#handle);
  }
}

function read(file: string): Mail[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Mail];
    } catch {
      return [];
    }
  });
}
