/** Which row of the route table an event belongs to. */
import { ROUTES, type Route } from '../routes.ts';

const BY_KEY: ReadonlyMap<string, Route> = new Map(ROUTES.map((route) => [`${route.method} ${route.path}`, route]));

/** Route of an API Gateway route key such as `GET /health`; undefined for `$default`. */
export function routeOfKey(routeKey: string): Route | undefined {
  return BY_KEY.get(routeKey);
}

/** The public page whose address has a slash too many at its end: the gateway knows only addresses without, and hands those to `$default`. */
export function pageWithSlash(method: string, path: string): Route | undefined {
  const route = path.endsWith('/') ? routeOfKey(`${method} ${path.slice(0, -1)}`) : undefined;
  return route?.page && route.group === 'public' && !route.path.includes('{') ? route : undefined;
}

/** Routes whose path fits, whatever the method: what `Allow` names. `path` is attacker-controlled and compared only. */
export function routesOfPath(path: string): Route[] {
  const parts = path.split('/');
  const fitting = ROUTES.filter((route) => {
    const template = route.path.split('/');
    const isGreedy = template.at(-1)!.endsWith('+}');
    return (
      (isGreedy ? parts.length >= template.length : parts.length === template.length) &&
      template.every((part, index) => (isParameter(part) ? parts[index] !== '' : part === parts[index]))
    );
  });
  // A path of words only wins over one with parameters, as at the gateway: `/my` is not an id.
  const literal = fitting.filter((route) => !isParameter(route.path.split('/').at(-1)!));
  return literal.length > 0 ? literal : fitting;
}

function isParameter(part: string): boolean {
  return part.startsWith('{');
}
