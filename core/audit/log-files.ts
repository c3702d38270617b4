/** The stored objects of one log, wherever they lie. Names are relative to the origin. */

/** An object as a listing shows it. */
export interface ListedObject {
  name: string;
  /** Versions of the key, where that can be told; a log has one of each. */
  versions?: number;
}

export interface LogFiles {
  /** True when the log may grow while it is read: what lies behind the last checkpoint is then still being sealed. */
  readonly isLive: boolean;
  /** Bytes of an object; undefined when there is none. Throws NotPlainObject for what is there but is no object, such as a symbolic link. */
  read(name: string): Promise<Buffer | undefined>;
  /** Every object of the log and everything else that lies among them, in any order. */
  list(): AsyncIterable<ListedObject>;
  /** What the place itself says of the objects read so far, such as locks. */
  findings?(): { notices: string[]; earliestRetention?: string; locks?: LockCounts };
}

/** How many of the objects that were read are locked in which mode, and how many are under a legal hold. */
export interface LockCounts {
  compliance: number;
  governance: number;
  none: number;
  held: number;
}

/** A directory, link or device where an object should be. */
export class NotPlainObject extends Error {
  override readonly name = 'NotPlainObject';
}
