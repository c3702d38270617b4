/** One standard queue on disk: a JSON file per message, so that what was accepted survives `kill -9`. Visibility and retention follow the virtual clock. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '../clock.ts';
import { createFileDurably, syncFolder, writeFileDurably } from '../durable-file.ts';
import type { QueueProperties } from './queue-properties.ts';

export interface Message {
  id: string;
  body: string;
  attributes: Record<string, unknown>;
  senderId: string;
  sentAt: number;
  /** Order of arrival; a standard queue promises none, a test likes one. */
  order: number;
  visibleAt: number;
  receives: number;
  firstReceivedAt?: number;
  /** Of the last receive; a delete with an older handle still works, as on AWS. */
  receiptHandle?: string;
}

export class MessageQueue {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  properties: QueueProperties;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #messages = new Map<string, Message>();
  readonly #waiters = new Set<() => void>();
  #order = 0;

  constructor(name: string, arn: string, folder: string, clock: Clock, properties: QueueProperties) {
    this.name = name;
    this.arn = arn;
    this.properties = properties;
    this.createdAt = clock.now();
    this.#folder = folder;
    this.#clock = clock;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.json'))) {
      const message = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Message;
      this.#messages.set(message.id, message);
      this.#order = Math.max(this.#order, message.order + 1);
    }
  }

  /** Returns once the message is on disk. */
  send(body: string, senderId: string, delaySeconds = this.properties.delaySeconds, attributes: Record<string, unknown> = {}): Message {
    const now = this.#clock.now();
    const message: Message = {
      id: crypto.randomUUID(),
      body,
      attributes,
      senderId,
      sentAt: now,
      order: this.#order++,
      visibleAt: now + delaySeconds * 1000,
      receives: 0,
    };
    createFileDurably(this.#file(message.id), JSON.stringify(message));
    this.#messages.set(message.id, message);
    for (const wake of this.#waiters) wake();
    return message;
  }

  /** Hides and answers up to `limit` visible messages; `dead` takes those that were received too often. */
  receive(limit: number, visibilitySeconds: number, dead: (message: Message) => boolean): Message[] {
    const now = this.#clock.now();
    const received: Message[] = [];
    for (const message of this.#inOrder()) {
      if (received.length === limit) break;
      if (message.visibleAt > now) continue;
      if (dead(message)) {
        this.#remove(message.id);
        continue;
      }
      message.visibleAt = now + visibilitySeconds * 1000;
      message.receives++;
      message.firstReceivedAt ??= now;
      message.receiptHandle = `${message.id}.${crypto.randomUUID()}`;
      writeFileDurably(this.#file(message.id), JSON.stringify(message));
      received.push({ ...message });
    }
    return received;
  }

  /** Resolves when a message may have become visible, at the latest after `seconds` of virtual time. */
  async waitForMessage(seconds: number): Promise<void> {
    const now = this.#clock.now();
    const next = Math.min(now + seconds * 1000, ...this.#inOrder().map((message) => Math.max(message.visibleAt, now)));
    await new Promise<void>((resolve) => {
      let timer: Timer | undefined;
      const wake = (): void => {
        timer?.cancel();
        this.#waiters.delete(wake);
        resolve();
      };
      this.#waiters.add(wake);
      timer = this.#clock.at(next, wake);
    });
  }

  /** False when the handle is not one of this queue's. Deleting twice is fine. */
  delete(receiptHandle: string): boolean {
    const [, id] = /^([0-9a-f-]{36})\.[0-9a-f-]{36}$/.exec(receiptHandle) ?? [];
    if (id === undefined) return false;
    if (this.#messages.has(id)) this.#remove(id);
    return true;
  }

  purge(): void {
    for (const id of [...this.#messages.keys()]) this.#remove(id);
  }

  counts(): { visible: number; delayed: number; inFlight: number } {
    const now = this.#clock.now();
    const hidden = this.#inOrder().filter((message) => message.visibleAt > now);
    const delayed = hidden.filter((message) => message.receives === 0).length;
    return { visible: this.#messages.size - hidden.length, delayed, inFlight: hidden.length - delayed };
  }

  #inOrder(): Message[] {
    const oldest = this.#clock.now() - this.properties.retentionSeconds * 1000;
    for (const message of [...this.#messages.values()]) if (message.sentAt < oldest) this.#remove(message.id);
    return [...this.#messages.values()].sort((a, b) => a.order - b.order);
  }

  #remove(id: string): void {
    this.#messages.delete(id);
    unlinkSync(this.#file(id));
    syncFolder(this.#folder);
  }

  #file(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

/** Checksum that clients compare with the body. */
export function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
