/** The route table as types: what an operation is asked with, and what it answers. Nothing of the table itself is loaded by the page. */
import type * as z from 'zod';
import type { Answer, AnswerName } from '../../functions/answers.ts';
import type { KnownRoute } from '../../functions/routes.ts';

type Table = { [Each in KnownRoute as Each['operation']]: Each };

export type Operation = keyof Table;

type Success = 200 | 201 | 202 | 204;
type NamedIn<Answers> = Answers[keyof Answers & Success];

/** What an operation answers when it is done. */
export type Answered<Op extends Operation> = NamedIn<Table[Op]['answers']> extends infer Name extends AnswerName ? Answer<Name> : never;

type ParametersIn<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | ParametersIn<Rest> : never;
type Input<Of, Key extends string> = Of extends Record<Key, infer Schema extends z.ZodType> ? z.input<Schema> : never;

/** What an operation is asked with: the parameters of its path, its query, its body. */
export interface Asked<Op extends Operation> {
  params?: { [Name in ParametersIn<Table[Op]['path']>]: string };
  query?: Partial<Record<keyof Input<Table[Op], 'query'> & string, string | undefined>>;
  body?: Input<Table[Op], 'body'>;
}
