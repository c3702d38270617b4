/** What each function may do with which rows: the whole authority over state, on one page. */
import type { FunctionName } from './functions.ts';
import type { TableGrants } from './state-table.ts';

/** What goes with every change of a promotion. */
const CHANGE = { OUTBOX: ['put'], WAKE: ['put'], NOTICE: ['put'] } as const satisfies TableGrants;
/** Failed sign-ins: by source for the limit, by minute and kind for the log. */
const COUNTED = { LIMIT: ['update'], FAILURES: ['update'] } as const satisfies TableGrants;
/** What every function behind a bearer token needs: the session or API token, the caller's pseudonym, and the counters of failed sign-ins. */
const SIGNED_IN = { SESSION: ['get'], APITOKEN: ['get'], PERSON: ['get', 'put'], ...COUNTED } as const satisfies TableGrants;
/** Who may approve in whose place. */
const APPROVERS = { DELEGATION: ['query'] } as const satisfies TableGrants;
/** What every function needs that begins, edits or ends a request: its pin on the digest goes with that. */
const PINS = { PIN: ['update'] } as const satisfies TableGrants;
/** Rows that follow from the sealed log: whoever reads them writes what is missing. */
const SEARCH_ROWS = { AUDIT: ['get', 'query', 'put'] } as const satisfies TableGrants;
/** Answers to repeated writes. */
const IDEMPOTENT = { IDEMPOTENCY: ['get', 'put', 'update', 'delete'] } as const satisfies TableGrants;

/** Which version of the configuration is in force: everybody who decides anything reads it. */
const RULES = { CONFIG: ['get'] } as const satisfies TableGrants;

export const TABLE_GRANTS: Readonly<Record<FunctionName, TableGrants>> = {
  read: {
    CONFIG: ['get', 'query'],
    ...SIGNED_IN,
    ...APPROVERS,
    DELIVERY: ['get'],
    REQ: ['get', 'query'],
    DECISION: ['query'],
    ENV: ['get', 'query'],
    LOCK: ['query'],
    WATCH: ['get'],
    REVIEW: ['query'],
    LIFECYCLE: ['query'],
  },
  request: {
    ...RULES,
    ...SIGNED_IN,
    ...CHANGE,
    ...PINS,
    ...IDEMPOTENT,
    REQ: ['get', 'query', 'put'],
    ...APPROVERS,
    DECISION: ['query'],
    ENV: ['get', 'query'],
    LOCK: ['query'],
    WATCH: ['get'],
    REVIEW: ['get', 'query', 'put', 'update'],
    PREVIEW: ['get', 'put'],
    COUNTER: ['update'],
    POLICY: ['query'],
    CONSUMER: ['get', 'query'],
    LIFECYCLE: ['get', 'query', 'put'],
  },
  decide: {
    ...RULES,
    ...SIGNED_IN,
    ...CHANGE,
    ...PINS,
    ...IDEMPOTENT,
    REQ: ['get', 'query', 'put'],
    DECISION: ['query', 'put', 'update'],
    DELEGATION: ['query', 'put', 'update'],
    PAIR: ['get', 'put'],
    // The page of a mailed link shows what would be replaced.
    ENV: ['get'],
    LINK: ['get', 'update'],
    LOGIN: ['put'],
  },
  operate: {
    CONFIG: ['get', 'put'],
    NOTICE: ['put'],
    ...SIGNED_IN,
    ...IDEMPOTENT,
    OUTBOX: ['put'],
    LOCK: ['get', 'query', 'put'],
    // Who waited for a lock that is lifted.
    WAKE: ['put'],
    APITOKEN: ['get', 'put', 'delete'],
    APITOKENS: ['get', 'query', 'put', 'delete'],
    SUBSCRIPTION: ['get', 'query', 'put', 'update', 'delete'],
    POSTED: ['get', 'query', 'put'],
    POSTING: ['put'],
    MUTE: ['get', 'query', 'put', 'delete'],
    CONSUMER: ['get', 'query', 'put', 'delete'],
    RETENTION: ['get', 'query'],
  },
  audit: {
    ...RULES,
    ...SIGNED_IN,
    ...IDEMPOTENT,
    ...SEARCH_ROWS,
    LOG: ['get'],
    REQ: ['get', 'query'],
    EXPORT: ['get', 'put'],
    OUTBOX: ['put'],
  },
  hooks: { ...RULES, ...CHANGE, REQ: ['get', 'query', 'put'], GATERUN: ['get'], CALLBACK: ['put'], ...COUNTED },
  public: { ...RULES, ...SIGNED_IN, SESSION: ['get', 'put', 'delete'], LOGIN: ['get', 'put', 'delete'] },
  gates: { ...RULES, ...CHANGE, REQ: ['get', 'query', 'put'], TOKEN: ['put'], GATERUN: ['put'], ENV: ['get'] },
  build: { ...RULES, ...CHANGE, REQ: ['get', 'query', 'put'], GATERUN: ['get'] },
  begin: {
    ...RULES,
    ...CHANGE,
    ...PINS,
    OUTBOX: ['put', 'get'],
    REQ: ['get', 'query', 'put'],
    ...APPROVERS,
    DECISION: ['query'],
    TOKEN: ['put'],
    ENV: ['get', 'query', 'put', 'update', 'delete'],
    LIFECYCLE: ['query'],
    RECEIPT: ['put'],
    LOCK: ['query'],
  },
  copy: {
    ...RULES,
    ...CHANGE,
    ...PINS,
    REQ: ['get', 'query', 'put'],
    ENV: ['get', 'query', 'put', 'update'],
    LOCK: ['query'],
    UPLOAD: ['get', 'put', 'delete'],
    RECEIPT: ['put'],
  },
  rollout: {
    ...RULES,
    ...CHANGE,
    ...PINS,
    RECEIPT: ['put'],
    REQ: ['get', 'query', 'put'],
    ENV: ['get', 'query', 'put', 'update'],
    LOCK: ['query'],
  },
  // It begins the rollback of a promotion that fails after its end, where an environment wants that.
  adopt: {
    ...RULES,
    ...CHANGE,
    ...PINS,
    ENV: ['get', 'query', 'put'],
    REQ: ['get', 'put'],
    COUNTER: ['update'],
    LOCK: ['query'],
    LIFECYCLE: ['query'],
    WATCH: ['get', 'put'],
    CONSUMER: ['get', 'put', 'query'],
  },
  // A pin is taken from an environment under a condition on that environment's row, which is not written.
  retain: {
    ...RULES,
    OUTBOX: ['put'],
    NOTICE: ['put'],
    ENV: ['get', 'query', 'check'],
    PIN: ['get', 'update'],
    REQ: ['get', 'query'],
    CONSUMER: ['get', 'query'],
    LIFECYCLE: ['get', 'query', 'put'],
    RETENTION: ['get', 'query', 'put', 'update', 'delete'],
  },
  // What it asks for waits for gates and people like every request; it reads no decision and decides nothing.
  propose: {
    ...RULES,
    ...CHANGE,
    ...PINS,
    REQ: ['get', 'query', 'put'],
    ENV: ['get', 'query'],
    WATCH: ['get'],
    COUNTER: ['update'],
    LIFECYCLE: ['query'],
    POLICY: ['get', 'put'],
  },
  wake: { WAKE: ['query', 'delete'], TOKEN: ['get', 'delete'] },
  reconcile: {
    ...RULES,
    ...CHANGE,
    ...PINS,
    REVIEW: ['query', 'update'],
    REQ: ['get', 'query', 'put'],
    ENV: ['get', 'query'],
    LOCK: ['query'],
    WAKE: ['query', 'put'],
    NOTICE: ['query', 'put'],
  },
  deliver: {
    ...RULES,
    ...APPROVERS,
    NOTICE: ['query', 'put', 'delete'],
    REQ: ['get', 'query'],
    DECISION: ['query'],
    LINK: ['put'],
    DELIVERY: ['get', 'put'],
    SUBSCRIPTION: ['query'],
    POSTED: ['put'],
    POSTING: ['put'],
    MUTE: ['query'],
    UNREACHABLE: ['get', 'put'],
  },
  dispatch: {
    ...RULES,
    SUBSCRIPTION: ['get', 'put', 'update'],
    POSTED: ['get', 'put'],
    POSTING: ['query', 'put', 'delete'],
    OUTBOX: ['put'],
    NOTICE: ['put'],
  },
  attest: {
    ...SEARCH_ROWS,
    RECEIPT: ['get', 'query', 'put', 'delete'],
    EXPORT: ['get', 'query', 'put', 'delete'],
    // The key of receipts is declared in the log; whether something is sealed is asked of the outbox.
    OUTBOX: ['get', 'put'],
    LOG: ['get'],
    REQ: ['get', 'query'],
    DECISION: ['query'],
    PERSON: ['get'],
  },
  guard: { LOG: ['get'] },
  seal: { OUTBOX: ['query', 'get', 'put', 'delete'], LOG: ['get', 'put', 'update'], FAILURES: ['query', 'delete'] },
};

/** Functions that list requests through the index. */
export const LISTING: readonly FunctionName[] = ['read', 'request', 'propose', 'reconcile', 'operate', 'copy', 'adopt', 'retain'];
