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
  /** Present on every route but the public ones. */
  caller: Caller;
  configuration: Configuration;
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
  /** Objects are sent as JSON; strings with `contentType`. */
  body?: unknown;
  contentType?: string;
  headers?: Record<string, string>;
  cookies?: string[];
}

// biome-ignore lint/suspicious/noExplicitAny: each handler names the types of its own schemas
export type HttpHandler = (call: HttpCall<any, any>) => Promise<HttpAnswer>;
