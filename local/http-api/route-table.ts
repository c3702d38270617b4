/** Routes of an HTTP API and the precedence that AWS documents: full match, then greedy match, then `$default`. */

export interface Route {
  /** `GET /promotions/{id}`, `ANY /{proxy+}` or `$default`. */
  key: string;
  /** Id of the integration that answers it. */
  integrationId: string;
}

export interface RouteMatch {
  route: Route;
  /** Decoded; absent when the route has no variables. */
  pathParameters?: Record<string, string>;
}

type Segment = { kind: 'fixed'; text: string } | { kind: 'variable' | 'greedy'; name: string };

interface CompiledRoute {
  route: Route;
  method: string;
  segments: Segment[];
}

const METHODS = ['ANY', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];
const RANK: Record<Segment['kind'], number> = { fixed: 0, variable: 1, greedy: 2 };

export class RouteTable {
  readonly #routes: CompiledRoute[] = [];
  #default: Route | undefined;

  /** Throws on a route key that API Gateway would refuse. */
  add(route: Route): void {
    if (route.key === '$default') {
      this.#default = route;
      return;
    }
    const [, method, path] = /^([A-Z]+) (\/.*)$/.exec(route.key) ?? [];
    if (method === undefined || path === undefined || !METHODS.includes(method))
      throw new Error(`the route key ${route.key} is not formatted properly`);
    const segments = path.slice(1).split('/').map(segment);
    if (segments.some((part, index) => part.kind === 'greedy' && index < segments.length - 1)) {
      throw new Error(`the greedy variable of ${route.key} must be at its end`);
    }
    const known = this.#routes.findIndex((other) => other.route.key === route.key);
    if (known >= 0) this.#routes.splice(known, 1);
    this.#routes.push({ route, method, segments });
    this.#routes.sort(bySpecificity);
  }

  /** `path` is still percent-encoded, so that an encoded slash stays inside its segment. Throws a URIError for a malformed escape. */
  match(method: string, path: string): RouteMatch | undefined {
    const parts = path.slice(1).split('/');
    for (const { route, method: wanted, segments } of this.#routes) {
      if (wanted !== method && wanted !== 'ANY') continue;
      const pathParameters = bind(segments, parts);
      if (!pathParameters) continue;
      return Object.keys(pathParameters).length > 0 ? { route, pathParameters } : { route };
    }
    return this.#default && { route: this.#default };
  }
}

function segment(text: string): Segment {
  const [, name, plus] = /^\{([^{}+]+)(\+?)\}$/.exec(text) ?? [];
  if (name === undefined) return { kind: 'fixed', text };
  return { kind: plus === '+' ? 'greedy' : 'variable', name };
}

function bind(segments: Segment[], parts: string[]): Record<string, string> | undefined {
  const greedy = segments.at(-1)?.kind === 'greedy';
  if (greedy ? parts.length < segments.length : parts.length !== segments.length) return undefined;
  const bound: Record<string, string> = {};
  for (const [index, part] of segments.entries()) {
    const text = part.kind === 'greedy' ? parts.slice(index).join('/') : parts[index]!;
    if (part.kind === 'fixed') {
      if (decodeURIComponent(text) !== part.text) return undefined;
    } else {
      if (text === '') return undefined;
      bound[part.name] = decodeURIComponent(text);
    }
  }
  return bound;
}

/** Compares segment by segment: fixed text before a variable before a greedy variable; then a method before ANY. */
function bySpecificity(a: CompiledRoute, b: CompiledRoute): number {
  const length = Math.max(a.segments.length, b.segments.length);
  for (let index = 0; index < length; index++) {
    const difference = rank(a.segments[index]) - rank(b.segments[index]);
    if (difference !== 0) return difference;
  }
  return Number(a.method === 'ANY') - Number(b.method === 'ANY');
}

/** A route that has ended is a full match and goes before one that goes on. */
function rank(part: Segment | undefined): number {
  return part ? RANK[part.kind] : -1;
}
