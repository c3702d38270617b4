/** What may be done, bundled into roles. Names of roles are data; seed 000's table is the default. */

export const VERBS = [
  'read',
  'request',
  'approve',
  'reject',
  'execute',
  'rollback',
  'break_glass',
  'policy.edit',
  'lifecycle.edit',
  'gc.apply',
  'audit.read',
  'audit.export',
  'admin',
] as const;

export type Verb = (typeof VERBS)[number];

/** What only people do, because somebody has to answer for it: no token and no build system ever holds one of them. */
const HUMAN_VERBS: ReadonlySet<Verb> = new Set(['approve', 'reject', 'break_glass', 'admin']);
/** What robots may hold. */
export const ROBOT_VERBS: readonly Verb[] = VERBS.filter((verb) => !HUMAN_VERBS.has(verb));

export interface Role {
  verbs: readonly Verb[];
  /** Whose requests are seen: one's own, those of one's tenants, or all. */
  sees: 'own' | 'tenant' | 'all';
}

/** Seed 000: DevOps, CPI (tenant admin), CPI Admin, Viewer; and the roles the other seeds name. */
export const DEFAULT_ROLES: Readonly<Record<string, Role>> = {
  devops: { verbs: ['read', 'request', 'execute'], sees: 'own' },
  cpi: { verbs: ['read', 'request', 'approve', 'reject', 'execute', 'rollback', 'lifecycle.edit', 'gc.apply'], sees: 'tenant' },
  'cpi-admin': {
    verbs: [
      'read',
      'request',
      'approve',
      'reject',
      'execute',
      'rollback',
      'break_glass',
      'policy.edit',
      'lifecycle.edit',
      'gc.apply',
      'audit.read',
      'audit.export',
      'admin',
    ],
    sees: 'all',
  },
  viewer: { verbs: ['read'], sees: 'tenant' },
  approver: { verbs: ['read', 'approve', 'reject'], sees: 'tenant' },
  auditor: { verbs: ['audit.read', 'audit.export'], sees: 'all' },
};
