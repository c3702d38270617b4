/** Access keys of the administrator and of everything that runs under a role; they stay valid over restarts of the data folder. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFileDurably } from './durable-file.ts';
import type { Caller } from './service.ts';

export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
}

export interface SessionKey extends AccessKey {
  sessionToken: string;
}

interface StoredSession extends SessionKey {
  roleArn: string;
  functionName: string;
}

interface Stored {
  admin: AccessKey;
  sessions: StoredSession[];
}

export class Credentials {
  readonly #file: string;
  readonly #stored: Stored;
  readonly #byKey = new Map<string, StoredSession>();
  readonly #byHolder = new Map<string, StoredSession>();

  /** `file` is created with mode 0600; a file that cannot be read as JSON stops the start rather than invalidate every key. */
  constructor(file: string) {
    this.#file = file;
    this.#stored = this.#read();
    for (const session of this.#stored.sessions) this.#index(session);
  }

  get admin(): AccessKey {
    return this.#stored.admin;
  }

  /** The same credentials for the same role and function, over restarts too. */
  issue(roleArn: string, functionName: string): SessionKey {
    let session = this.#byHolder.get(holder(roleArn, functionName));
    if (!session) {
      session = { ...newKey('ASIA'), sessionToken: randomBytes(48).toString('base64'), roleArn, functionName };
      this.#stored.sessions.push(session);
      this.#save();
      this.#index(session);
    }
    return { accessKeyId: session.accessKeyId, secretAccessKey: session.secretAccessKey, sessionToken: session.sessionToken };
  }

  /** Secret and caller behind an access key; undefined: nobody holds it. */
  find(accessKeyId: string): { secretAccessKey: string; sessionToken?: string; caller: Caller } | undefined {
    const { admin } = this.#stored;
    if (accessKeyId === admin.accessKeyId) return { secretAccessKey: admin.secretAccessKey, caller: { kind: 'admin', accessKeyId } };
    const session = this.#byKey.get(accessKeyId);
    if (!session) return undefined;
    const { roleArn, functionName, secretAccessKey, sessionToken } = session;
    return { secretAccessKey, sessionToken, caller: { kind: 'role', accessKeyId, roleArn, functionName } };
  }

  #index(session: StoredSession): void {
    this.#byKey.set(session.accessKeyId, session);
    this.#byHolder.set(holder(session.roleArn, session.functionName), session);
  }

  #read(): Stored {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8')) as Stored;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const stored: Stored = { admin: newKey('AKIA'), sessions: [] };
    writeFileDurably(this.#file, JSON.stringify(stored, null, 2));
    return stored;
  }

  #save(): void {
    writeFileDurably(this.#file, JSON.stringify(this.#stored, null, 2));
  }
}

function holder(roleArn: string, functionName: string): string {
  return JSON.stringify([roleArn, functionName]);
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function newKey(prefix: 'AKIA' | 'ASIA'): AccessKey {
  const id = [...randomBytes(16)].map((byte) => BASE32[byte % 32]).join('');
  return { accessKeyId: `${prefix}${id}`, secretAccessKey: randomBytes(30).toString('base64') };
}
