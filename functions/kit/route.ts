/** What a row of the route table says, and the pieces of schemas that rows of several features share. */
import * as z from 'zod';
import type { Verb } from '../../core/access/verb.ts';
import type { AnswerName } from '../answers.ts';

/** Lambda that serves a route: one per set of permissions. */
export type FunctionGroup = 'read' | 'request' | 'decide' | 'operate' | 'audit' | 'hooks' | 'public';

/** How the caller proves who it is. `link` and `hmac` are checked by their handlers over the raw input. */
export type RouteAuth = 'bearer' | 'public' | 'link' | 'hmac';

export interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** OpenAPI path. */
  path: string;
  /** Unique; names the handler in its group and the OpenAPI operation. */
  operation: string;
  group: FunctionGroup;
  auth: RouteAuth;
  /** Verb that the caller needs somewhere, or one of several; the handler checks it in the tenant of the thing. */
  verb?: Verb | readonly Verb[];
  /** Needs no verb: whoever is signed in, for what is his or her own. */
  signedIn?: true;
  /** Who did not ask for the request, nor has a robot that did, needs this verb; checked by the handler. */
  unlessOwn?: Verb;
  /** Never for who asked for it, nor for the owner of a robot that did: SELF_APPROVAL; checked by the handler. */
  notOwn?: true;
  /** For people only: a robot is refused with HUMAN_REQUIRED. */
  people?: true;
  /** What path or body name: another tenant's is as unknown as one that does not exist. */
  names?:
    | 'request'
    | 'artifact'
    | 'review'
    | 'delegation'
    | 'token'
    | 'tenant'
    | 'consumer'
    | 'plan'
    | 'event'
    | 'export'
    | 'subscription'
    | 'mute';
  /** A page for people, with what belongs to it: no part of the API that the OpenAPI document describes. */
  page?: true;
  /** Reads what is there in one state only: STATE_CONFLICT in every other. */
  needsState?: true;
  summary: string;
  body?: z.ZodType;
  /** The body may be absent. */
  bodyOptional?: boolean;
  /** `application/x-www-form-urlencoded` instead of JSON. */
  form?: boolean;
  /** Bytes that a body may have; 256 KiB where nothing is said. */
  largestBody?: number;
  query?: z.ZodType;
  /** Name of the answer's schema in the OpenAPI document, with its status. */
  answers: Readonly<Record<number, AnswerName>>;
  tag: string;
}

export const planHash = z.string().regex(/^sha256:[a-f0-9]{64}$/);
export const flag = z.enum(['true', 'false']);
const limit = z
  .string()
  .regex(/^[0-9]{1,3}$/)
  .transform(Number)
  .refine((value) => value >= 1 && value <= 100, 'must be from 1 to 100');

export const paging = { limit: limit.optional(), cursor: z.string().max(2_000).optional() };

export const pageQuery = z.strictObject(paging);
/** No query, or no body, at all. */
export const none = z.strictObject({});
/** Path of one request. */
export const REQUEST = '/v1/requests/{env}/{id}';
