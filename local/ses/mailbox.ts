/** Mails that were accepted, oldest first: one JSON line each, synced before the sender hears of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '../durable-file.ts';
import { GrowingFile } from '../growing-file.ts';

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
  #journal: GrowingFile;

  constructor(folder: string) {
    this.#file = join(folder, 'inbox.jsonl');
    this.#mails = read(this.#file);
    // Rewritten at each start: a line that a crash tore must not swallow the next one.
    writeFileDurably(this.#file, this.#mails.map((mail) => `${JSON.stringify(mail)}\n`).join(''));
    this.#journal = new GrowingFile(this.#file);
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
    this.#journal.append(`${JSON.stringify(mail)}\n`);
    this.#journal.sync();
    this.#mails.push(mail);
  }

  clear(): void {
    this.#journal.close();
    writeFileDurably(this.#file, '');
    this.#journal = new GrowingFile(this.#file);
    this.#mails = [];
  }

  close(): void {
    this.#journal.close();
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
