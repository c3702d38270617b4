/** The inner parts of dynalite 4.0.0 (pinned exactly) that the local DynamoDB drives in process. dynalite ships no types. */
declare module 'dynalite/db/index.js' {
  /** DynamoDB JSON: one member named by the type, e.g. `{S: 'x'}`. */
  export type AttributeValue = Record<string, unknown>;
  export type Item = Record<string, AttributeValue>;
  export interface KeyElement {
    AttributeName: string;
    KeyType: string;
  }
  export interface Index {
    IndexName: string;
    KeySchema: KeyElement[];
    Projection: { ProjectionType: string; NonKeyAttributes?: string[] };
    [member: string]: unknown;
  }
  /** What DescribeTable answers, and what is stored. */
  export interface Table {
    TableName: string;
    TableArn: string;
    TableStatus: string;
    KeySchema: KeyElement[];
    AttributeDefinitions: { AttributeName: string; AttributeType: string }[];
    GlobalSecondaryIndexes?: Index[];
    LocalSecondaryIndexes?: Index[];
    [member: string]: unknown;
  }
  export type Callback<T = unknown> = (error: unknown, value?: T) => void;
  export interface Section {
    get(key: string, callback: Callback): void;
    put(key: string, value: unknown, callback: Callback): void;
    del(key: string, callback: Callback): void;
    lock(key: string, run: (release: (callback: Callback) => Callback) => void): void;
    createKeyStream(options?: unknown): unknown;
    createValueStream(options?: unknown): unknown;
    awsRegion?: string;
    awsAccountId?: string;
  }
  export interface Store {
    options: StoreOptions;
    tableDb: Section;
    getItemDb(table: string): Section;
    getIndexDb(kind: string, table: string, index: string): Section;
    getTable(name: string, checkStatus: boolean | Callback<Table>, callback?: Callback<Table>): void;
  }
  export interface StoreOptions {
    maxItemSize: number;
    [member: string]: unknown;
  }
  export type BatchOperation = { type: 'put'; key: string; value: unknown } | { type: 'del'; key: string };
  export interface Level {
    open(): Promise<void>;
    close(): Promise<void>;
    getSync(key: string): unknown;
    getMany(keys: string[]): Promise<unknown[]>;
    clear(range: { gte: string; lt: string }): Promise<void>;
    values(range: object): { nextv(count: number): Promise<unknown[]>; close(): Promise<void> };
    iterator(range: object): AsyncIterable<[string, unknown]>;
    batch(operations: BatchOperation[], options?: { sync: boolean }): Promise<void>;
  }
  /** An error with its answer; anything without `body` is a defect. */
  export interface EngineError extends Error {
    statusCode?: number;
    body?: { __type: string; message?: string; Message?: string; Item?: Item };
  }
  const engine: {
    create(options: { path: string; createTableMs: number; updateTableMs: number; deleteTableMs: number }): {
      options: StoreOptions;
      db: Level;
    };
    createKey(item: Item, table: Table): string;
    validateKey(key: Item, table: Table): EngineError | null | undefined;
    validateItem(item: Item, table: Table): EngineError | null | undefined;
    validationError(message: string): EngineError;
    checkConditional(data: object, item: Item | undefined): EngineError | null | undefined;
    itemSize(item: Item): number;
    mapPaths(paths: unknown[], item: Item): Item;
    getIndexActions(
      indexes: Index[],
      before: Item | null,
      after: Item | null,
      table: Table,
    ): { puts: { index: string; key: string; item: Item }[]; deletes: { index: string; key: string }[] };
  };
  export default engine;
}

declare module 'dynalite/validations/index.js' {
  const validations: {
    checkTypes(data: object, types: object): Record<string, unknown>;
    checkValidations(data: object, types: object, custom: unknown, store: unknown): void;
  };
  export default validations;
}

declare module 'dynalite/actions/*' {
  const action: (
    store: import('dynalite/db/index.js').Store,
    data: Record<string, unknown>,
    callback: import('dynalite/db/index.js').Callback,
  ) => void;
  export default action;
}

declare module 'dynalite/validations/*' {
  const validation: { types: Record<string, unknown>; custom?: unknown };
  export default validation;
}
