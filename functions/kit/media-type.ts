/** Which bodies a route reads. Everything that a plain HTML form or a foreign page could send to a JSON route is refused. */
import { Refusal } from '../../core/errors.ts';
import type { Route } from '../routes.ts';
import type { HttpRequest } from './read-request.ts';

const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;
const FORM_TYPE = /^application\/x-www-form-urlencoded[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/** Refusal UNSUPPORTED_MEDIA_TYPE. A repeated header arrives joined by a comma and fits nothing. */
export function checkMediaType({ route, headers, rawBody }: Pick<HttpRequest, 'route' | 'headers' | 'rawBody'>): void {
  if (!route || route.method === 'GET' || route.method === 'DELETE') return;
  const type = headers['content-type'];
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw unsupported(route, 'compressed bodies are not read');
  if (type === undefined && rawBody.length === 0 && route.bodyOptional) return;
  if (!(route.form ? FORM_TYPE : JSON_TYPE).test(type ?? '')) throw unsupported(route, 'the body has the wrong content type');
}

function unsupported(route: Route, detail: string): Refusal {
  const type = route.form ? 'application/x-www-form-urlencoded' : 'application/json';
  return new Refusal('UNSUPPORTED_MEDIA_TYPE', detail, { hint: `send Content-Type: ${type}`, headers: route.form ? {} : { accept: type } });
}
