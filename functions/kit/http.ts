/** What an HTTP handler gets and answers. The kit did everything before it: size, media type, who it is, route, verb, schema. */
import type { Actor, Identity } from '../../core/access/identity.ts';
import type { Membership } from '../../core/access/membership.ts';
import type { Configuration } from '../../core/environment/configuration.ts';

/** The verified caller, with the membership that the configuration gives now. */
export interface Caller {
  identity: Identity;
  actor: Actor;
  membership: Membership;
}

/** A call that passed the kit. `Body` and `Query` are what the route's schemas yield. */
export interface HttpCall<Body = unknown, Query = Record<string, string | undefined>> {
  requestId: string;
  /** Present on every route whose `auth` is `bearer`; on the others reading it is a bug (see `identify` in kit/authenticate.ts). */
  caller: Caller;
  configuration: Configuration;
  /** The body as it came: what signatures are checked over. */
  rawBody: Buffer;
  /** Decoded path parameters. Attacker-controlled: look-ups only. */
  params: Record<string, string>;
  query: Query;
  body: Body;
  headers: Record<string, string>;
  cookies: Record<string, string>;
  /** From API Gateway, not from a header. */
  sourceIp: string;
  /** Origin of the API as clients reach it. */
  origin: string;
}

export interface HttpAnswer {
  status: number;
  /** Objects are sent as JSON; strings and bytes with `contentType`. */
  body?: unknown;
  contentType?: string;
  headers?: Record<string, string>;
  cookies?: string[];
  /** Answer to the same write with the same Idempotency-Key, where this one holds what is shown once: that must not be kept for a day. */
  repeated?: Omit<HttpAnswer, 'repeated'>;
}

// biome-ignore lint/suspicious/noExplicitAny: each handler names the types of its own schemas
export type HttpHandler = (call: HttpCall<any, any>) => Promise<HttpAnswer>;

/**
 * A handler in two phases, because the refusals that need the thing (404, 403) come before those of the schema (400). `find` sees the body as it
 * was read, unchecked and perhaps undefined; it loads the thing and refuses who may not touch it. Then the kit checks the verb and the schema and
 * calls `handle` with what was found.
 */
export interface TwoPhaseHandler<Found = unknown, Body = unknown, Query = Record<string, string | undefined>> {
  find(call: HttpCall<unknown, unknown>): Promise<Found>;
  handle(call: HttpCall<Body, Query>, found: Found): Promise<HttpAnswer>;
}

/** What serves a route: a function where nothing has to be found first. */
// biome-ignore lint/suspicious/noExplicitAny: each handler names its own types
export type RouteHandler = HttpHandler | TwoPhaseHandler<any, any, any>;
