/**
 * Keys of the one DynamoDB table. A partition key begins with its kind, because `dynamodb:LeadingKeys` in every function's policy is cut by it:
 * what must not be written by the same function must not share a kind.
 *
 * | PK                      | SK                          | written by            | holds |
 * |-------------------------|-----------------------------|-----------------------|-------|
 * | REQ#<id>                | HEAD                        | request, decide, run, adopt | the head (also in the LISTING index) |
 * | REQ#<id>                | TEXTS                       | request, decide       | spec and free text |
 * | REQ#<id>                | PLAN#<hash>                 | request               | the plan |
 * | REQ#<id>                | GATE#<attempt>#<name>       | gates                 | a gate result |
 * | REQ#<id>                | EVENT#<seq>                 | with every change     | a history line |
 * | DECISION#<id>           | <planHash>#<identity key>   | decide only           | a decision |
 * | LINK#<j>                | LINK                        | link issuer, decide   | an approval link |
 * | TOKEN#<id>              | <wait kind>                 | run; read by wake     | a task token |
 * | OUTBOX#0                | <ulid>                      | with every change     | an audit line; deleted by the sealer only |
 * | WAKE#0                  | <ulid>                      | with changes          | a run to start or wake; deleted by wake |
 * | NOTICE#0                | <ulid>                      | with changes          | a notice to deliver; deleted by deliver |
 * | DELIVERY#<id>          | SENT#<notice>#<channel>, FAILED | deliver (TTL)   | what went out, what could not |
 * | ENV#<env>#<artifact>    | HEAD, AT#<iso>#<id>, DIGEST#<digest>, WAITER#<id> | run | what runs there, its past, who waits |
 * | CONFIG#0                | HEAD, V#<hash>, TEXT#<hash> | operate           | which version of the configuration is in force; what was proposed; the versions themselves |
 * | POLICY#<name>           | <to>#<artifact>#<since>#<digest> | propose (TTL); read by request | a promotion that a policy has asked for, and by what facts |
 * | LOCK#<env>              | <tenant>#<artifact>, `*` for all | operate        | who keeps it from being changed, and why; stays when it is lifted |
 * | WATCH#<env>#<artifact>  | HEAD                        | adopt                 | drift and readiness to go back, as last seen |
 * | WATCH#<env>#<artifact>  | AFTER, BACK#<request id>    | adopt (TTL of BACK)   | failed checks since the last promotion; the one rollback that takes it back |
 * | PIN#<artifact>#<digest> | HEAD                        | request, decide, run, adopt; whoever deletes | who relies on a digest, or that it goes |
 * | PREVIEW#<ref>           | PREVIEW                     | request (TTL)         | a plan not yet requested |
 * | PERSON#<key>            | PERSON                      | first act of a person | pseudonym, name, address (erasable) |
 * | PERSON#<pseudonym>      | PSEUDONYM                   | first act of a person | whose pseudonym it is (erasable) |
 * | IDEMPOTENCY#<key>       | KEY                         | request (TTL)         | answer to a repeated write |
 * | GATERUN#<run or build> | RUN                         | gates (TTL); read by hooks, build | which gate of which attempt a run belongs to |
 * | CALLBACK#<sha256>      | MESSAGE                     | hooks (TTL)           | the run that a signed callback without a run id was accepted for |
 * | UPLOAD#<request id>     | <registry>/<repository>@<digest> | copy (TTL)       | how far the upload of a large blob is |
 * | DELEGATION#0            | <id>                        | decide (TTL)          | who stands in for whom, and when |
 * | REVIEW#0                | <id>                        | request; reconcile    | reviews of waivers; `closed` and `remindedAt` are set later |
 * | PAIR#<approver>         | <requester>                 | decide (TTL)          | who has approved whose requests lately |
 * | COUNTER#<name>          | COUNTER                     | request               | human ids |
 * | LOG#head                | HEAD                        | sealer                | size, frontier, checkpoint |
 * | LOG#head                | HEARTBEAT, TILES, FAILURES#<kind> | sealer          | chains of the log's own events; how far tiles are |
 * | AUDIT#POSITION, AUDIT#TENANT | HEAD, T#<tenant>     | audit, attest         | how far the search rows are; whose events there are |
 * | AUDIT#EVENT#<event id>  | EVENT                       | audit, attest         | where an event stands in the log |
 * | AUDIT#<T, A, N or U>#<tenant>[#<artifact, environment or pseudonym>] | <ts>#<index> | audit, attest | events by tenant, artifact, environment, actor |
 * | EXPORT#<id>             | EXPORT                      | audit, attest (TTL)   | an export of the log |
 * | EXPORT#0                | <id>                        | audit; deleted by attest (TTL) | exports that are to be made |
 * | RECEIPT#0               | <request id>                | with the end of a rollout; deleted by attest | receipts that are to be made |
 * | RECEIPT#KEY             | HEAD                        | attest                | the key of receipts, as the log declares it |
 * | APITOKEN#<sha256>       | TOKEN                       | operate (TTL); read by every group behind a bearer token | whose API token that is, its scope and its end |
 * | APITOKENS#<owner key>   | <id>, LIST                  | operate (TTL)         | an owner's API tokens without their hash; its version |
 * | APITOKENS#<id>          | OWNER                       | operate (TTL)         | whose token has that id |
 * | CONSUMER#T#<tenant>     | <artifact>#<product>        | operate; read by request | who builds on an artifact, as teams have registered it |
 * | CONSUMER#C#<env>        | VIEW                        | adopt; read by request | which workloads of the environment's namespace say so by a label |
 * | RETENTION#<plan id>     | HEAD, UNITS#<n>             | retain (TTL); read by operate | a plan of a deletion and what it deletes |
 * | RETENTION#0             | <created>#<plan id>, RUN    | retain (TTL)          | plans by date; which run goes on now |
 * | LIFECYCLE#<artifact>    | V#<version>                 | request; retain; read by whoever uses a version | what was said of a version, its quarantine, reminders that went out |
 * | SUBSCRIPTION#<tenant>   | <id>                        | operate, dispatch; read by deliver | who gets signed events; `failingSince` |
 * | POSTED#<subscription>   | <delivery id>               | deliver, operate, dispatch (TTL) | an event for a subscriber, and what became of it |
 * | POSTING#0               | <due>#<subscription>#<delivery> | deliver, operate, dispatch | a delivery that is to be tried |
 * | MUTE#0                  | <id>                        | operate (TTL); read by deliver | who does not want to hear of what |
 * | UNREACHABLE#<address>   | MAIL                        | deliver (TTL); read by read | an address that mail has come back from |
 * | SESSION#<hash>, LOGIN#<state>, LIMIT#<kind>#<source> | … | public, decide (TTL) | sign-in and rate limits |
 * | FAILURES#0              | <minute>#<kind>             | whoever checks credentials; deleted by the sealer | failed sign-ins of a minute, until they are an event |
 *
 * Index LISTING (GPK, GSK): `LIST#<env>#<tenant>` / `<createdAt>#<id>` for request heads.
 * Index OPEN (OPK, OSK): `OPEN#<tenant>` / `<createdAt>#<id>` for request heads whose phase is not final.
 * Index OUTCOMES (GPK, outcomeAt): `LIST#<env>#<tenant>` / when it was last approved, rejected or deployed, for request heads where that has happened.
 */

export const HEAD = 'HEAD';
export const TEXTS = 'TEXTS';
export const LISTING_INDEX = 'LISTING';
export const OPEN_INDEX = 'OPEN';
export const OUTCOMES_INDEX = 'OUTCOMES';

export const requestKey = (id: string): string => `REQ#${id}`;
export const planSort = (planHash: string): string => `PLAN#${planHash}`;
export const gateSort = (attempt: number, name: string): string => `GATE#${String(attempt).padStart(4, '0')}#${name}`;
export const gateSortPrefix = (attempt: number): string => `GATE#${String(attempt).padStart(4, '0')}#`;
export const EVENT_PREFIX = 'EVENT#';
export const eventSort = (seq: number): string => `${EVENT_PREFIX}${String(seq).padStart(6, '0')}`;
export const decisionKey = (id: string): string => `DECISION#${id}`;
export const decisionSort = (planHash: string, identityKey: string): string => `${planHash}#${identityKey}`;
export const linkKey = (id: string): string => `LINK#${id}`;
export const tokenKey = (id: string): string => `TOKEN#${id}`;
export const OUTBOX = 'OUTBOX#0';
export const WAKE = 'WAKE#0';
export const NOTICE = 'NOTICE#0';
export const deliveryKey = (id: string): string => `DELIVERY#${id}`;
export const environmentKey = (environment: string, artifact: string): string => `ENV#${environment}#${artifact}`;
export const watchKey = (environment: string, artifact: string): string => `WATCH#${environment}#${artifact}`;
export const CONFIGURATIONS = 'CONFIG#0';
export const policyKey = (name: string): string => `POLICY#${name}`;
export const lockKey = (environment: string): string => `LOCK#${environment}`;
export const lockSort = (tenant: string, artifact: string): string => `${tenant}#${artifact}`;
export const historySort = (at: string, id: string): string => `AT#${at}#${id}`;
export const digestSort = (digest: string): string => `DIGEST#${digest}`;
export const waiterSort = (id: string): string => `WAITER#${id}`;
export const pinKey = (artifact: string, digest: string): string => `PIN#${artifact}#${digest}`;
export const previewKey = (ref: string): string => `PREVIEW#${ref}`;
export const personKey = (key: string): string => `PERSON#${key}`;
export const idempotencyKey = (hash: string): string => `IDEMPOTENCY#${hash}`;
export const gateRunKey = (id: string): string => `GATERUN#${id}`;
export const callbackMessageKey = (hash: string): string => `CALLBACK#${hash}`;
export const uploadKey = (requestId: string): string => `UPLOAD#${requestId}`;
export const DELEGATIONS = 'DELEGATION#0';
export const REVIEWS = 'REVIEW#0';
export const consumerKey = (tenant: string): string => `CONSUMER#T#${tenant}`;
export const consumerSort = (artifact: string, product: string): string => `${artifact}#${product}`;
export const clusterViewKey = (environment: string): string => `CONSUMER#C#${environment}`;
export const retentionKey = (planId: string): string => `RETENTION#${planId}`;
export const RETENTION = 'RETENTION#0';
export const lifecycleKey = (artifact: string): string => `LIFECYCLE#${artifact}`;
export const versionSort = (key: string): string => `V#${key}`;
export const subscriptionKey = (tenant: string): string => `SUBSCRIPTION#${tenant}`;
export const deliveriesKey = (subscription: string): string => `POSTED#${subscription}`;
export const POSTING = 'POSTING#0';
export const MUTES = 'MUTE#0';
/** The address is hashed: only who knows it finds the row. */
export const unreachableKey = (hash: string): string => `UNREACHABLE#${hash}`;
export const pairKey = (approver: string): string => `PAIR#${approver}`;
export const openKey = (tenant: string): string => `OPEN#${tenant}`;
export const counterKey = (name: string): string => `COUNTER#${name}`;
export const LOG_HEAD = 'LOG#head';
export const AUDIT_POSITION = 'AUDIT#POSITION';
export const AUDIT_TENANTS = 'AUDIT#TENANT';
export const auditEventKey = (eventId: string): string => `AUDIT#EVENT#${eventId}`;
/** Events of a tenant (T), or of it by artifact (A), environment (N) or pseudonym of the actor (U). */
export const auditKey = (by: 'T' | 'A' | 'N' | 'U', tenant: string, value?: string): string =>
  `AUDIT#${by}#${tenant}${value === undefined ? '' : `#${value}`}`;
export const EXPORTS_DUE = 'EXPORT#0';
export const exportKey = (id: string): string => `EXPORT#${id}`;
export const RECEIPTS_DUE = 'RECEIPT#0';
export const RECEIPT_KEY = 'RECEIPT#KEY';
export const listingKey = (environment: string, tenant: string): string => `LIST#${environment}#${tenant}`;
export const sessionKey = (hash: string): string => `SESSION#${hash}`;
export const loginKey = (state: string): string => `LOGIN#${state}`;
export const apiTokenKey = (hash: string): string => `APITOKEN#${hash}`;
/** `of` is the identity key of an owner, or the id of a token: the two never look alike. */
export const apiTokensKey = (of: string): string => `APITOKENS#${of}`;
export const FAILURES = 'FAILURES#0';
/** Minutes since 1970 have ten digits with zeros before them, so that they sort. */
export const failuresSort = (minute: number, kind: string): string => `${String(minute).padStart(10, '0')}#${kind}`;
/** Beside the head of the log, where only the sealer writes: the chain of the events of a kind. */
export const failuresHead = (kind: string): string => `FAILURES#${kind}`;
export const limitKey = (kind: string, source: string, minute: number): string => `LIMIT#${kind}#${source}#${minute}`;
