/** Who may do what, computed from the route table and the default roles: what docs/access.md shows and the functions are held against. */
import { DEFAULT_ROLES, ROBOT_VERBS, type Verb } from '../../core/access/verb.ts';
import { ROUTES, type Route } from '../../functions/routes.ts';

/** Columns of the matrix. */
export const CALLERS = [
  'anonymous',
  'viewer',
  'devops',
  'cpi',
  'cpi-admin',
  'approver',
  'auditor',
  'other tenant',
  'API token',
  'CI job',
] as const;
export type CallerKind = (typeof CALLERS)[number];

/** What is looked at: one's own, or what belongs to somebody else of the tenant `tenant-finance`. */
export type Whose = 'own' | 'foreign';
/** The first refusal, or that the rules of the thing come next. */
export type Outcome = 'passes' | 401 | 403 | 404;

interface Holder {
  role: string;
  robot?: true;
  elsewhere?: true;
}

/** The role behind each column. The token was made by a `cpi` without a narrower scope; the job's entry has the role `devops`. */
const HOLDERS: Readonly<Record<Exclude<CallerKind, 'anonymous'>, Holder>> = {
  viewer: { role: 'viewer' },
  devops: { role: 'devops' },
  cpi: { role: 'cpi' },
  'cpi-admin': { role: 'cpi-admin' },
  approver: { role: 'approver' },
  auditor: { role: 'auditor' },
  'other tenant': { role: 'cpi', elsewhere: true },
  'API token': { role: 'cpi', robot: true },
  'CI job': { role: 'devops', robot: true },
};

/** Things that only their owner and administrators know of. */
const PRIVATE: ReadonlySet<Route['names']> = new Set(['token', 'delegation', 'mute']);

/** What a bearer route answers first. The order is that of the contract: 401, 404, 403. */
export function outcomeOf(route: Route, caller: CallerKind, whose: Whose): Outcome {
  if (caller === 'anonymous') return 401;
  const { role: name, robot, elsewhere } = HOLDERS[caller];
  const role = DEFAULT_ROLES[name]!;
  const verbs = new Set<Verb>(robot ? role.verbs.filter((verb) => ROBOT_VERBS.includes(verb)) : role.verbs);
  const isForeign = whose === 'foreign';
  if (isForeign && route.names && elsewhere) return 404;
  if (isForeign && PRIVATE.has(route.names) && !verbs.has('admin')) return 404;
  if (robot && route.people) return 403;
  if (route.verb && ![route.verb].flat().some((verb) => verbs.has(verb))) return 403;
  if (!isForeign && route.notOwn) return 403;
  if (isForeign && route.names === 'request' && role.sees === 'own') return 403;
  if (isForeign && route.unlessOwn && !verbs.has(route.unlessOwn)) return 403;
  return 'passes';
}

function cellOf(route: Route, caller: CallerKind): string {
  if (route.auth === 'public') return 'open';
  if (route.auth !== 'bearer') return route.auth === 'link' ? 'by link' : 'by signature';
  const [own, foreign] = [outcomeOf(route, caller, 'own'), outcomeOf(route, caller, 'foreign')];
  if (HOLDERS[caller as keyof typeof HOLDERS]?.elsewhere) return String(foreign === 'passes' ? 'yes' : foreign);
  if (own === 'passes') return foreign === 'passes' ? 'yes' : 'own';
  return foreign === 'passes' ? 'others' : String(own);
}

/** The table as Markdown, one row for each route. */
export function renderMatrix(): string {
  const rows = ROUTES.map((route) => [
    `\`${route.method} ${route.path}\``,
    verbsOf(route),
    ...CALLERS.map((caller) => cellOf(route, caller)),
  ]);
  return [['Route', 'Verb', ...CALLERS], ['---', '---', ...CALLERS.map(() => '---')], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function verbsOf({ verb, unlessOwn, signedIn }: Route): string {
  const words = verb === undefined ? '' : [verb].flat().join(' or ');
  if (signedIn) return 'none';
  return unlessOwn ? `${words}; ${unlessOwn} unless own` : words;
}

const SEES = { own: 'own requests', tenant: 'requests of the tenant', all: 'every tenant' } as const;

/** The default roles as Markdown. */
export function renderRoles(): string {
  const rows = Object.entries(DEFAULT_ROLES).map(([name, { verbs, sees }]) => `| \`${name}\` | ${verbs.join(', ')} | ${SEES[sees]} |`);
  return ['| Role | Verbs | Sees |', '| --- | --- | --- |', ...rows].join('\n');
}
