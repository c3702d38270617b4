/** Requests that both API servers answer, in this order, in an empty namespace `prod`. `compare.ts` compares the answers. */
import type { Fields } from '../../../local/kubernetes/kube-object.ts';
import { DEPLOYMENTS, deployment, SERVICE } from '../../local/kubernetes/test-cluster.ts';
import type { Exchange } from './compare.ts';

const MERGE = { contentType: 'application/merge-patch+json' };
const JSON_PATCH = { contentType: 'application/json-patch+json' };
const STRATEGIC = { contentType: 'application/strategic-merge-patch+json' };
const APPLY = { contentType: 'application/apply-patch+yaml' };
const CORE = '/api/v1/namespaces/prod';
const CONFIG_MAPS = `${CORE}/configmaps`;
const ROUTES = '/apis/gateway.networking.k8s.io/v1/namespaces/prod/httproutes';
const GATEWAYS = '/apis/gateway.networking.k8s.io/v1/namespaces/prod/gateways';
const ROLES = '/apis/rbac.authorization.k8s.io/v1/namespaces/prod';
const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const IMAGE = '127.0.0.1:1/app:1';
const ONE = `${DEPLOYMENTS}/one`;

const get = (path: string): Exchange => ({ method: 'GET', path });
const post = (path: string, body: unknown): Exchange => ({ method: 'POST', path, body });
const put = (path: string, body: unknown): Exchange => ({ method: 'PUT', path, body });
const remove = (path: string, body?: unknown): Exchange => ({ method: 'DELETE', path, ...(body === undefined ? {} : { body }) });
const patch = (path: string, body: unknown, options: Exchange['options'] = MERGE): Exchange => ({ method: 'PATCH', path, body, options });

/** Nothing of it runs: no controller is awaited. */
const idle = (name: string, more: Fields = {}): Fields => deployment(name, IMAGE, 0, more);
const containers = (...list: Fields[]) => ({ spec: { template: { spec: { containers: list } } } });
const route = (name: string, more: Fields = {}): Fields => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name },
  spec: { parentRefs: [{ name: 'front' }], rules: [{ backendRefs: [{ name: 'a', port: 80 }] }], ...more },
});
const gateway = (name: string, listeners: Fields[]): Fields => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name },
  spec: { gatewayClassName: 'local', listeners },
});
const review = (attributes: Fields) => ({
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SelfSubjectAccessReview',
  spec: { resourceAttributes: attributes },
});

export const EXCHANGES: Record<string, Exchange[]> = {
  'paths and methods': [
    get('/api/v1/nothings'),
    get('/apis/nowhere.example.com/v1/things'),
    get(`${DEPLOYMENTS}/none`),
    get(`${DEPLOYMENTS}/one/nothing`),
    { method: 'PUT', path: DEPLOYMENTS, body: {} },
    { method: 'POST', path: ONE, body: {} },
    get('/api/v1/namespaces/none/configmaps'),
    post('/api/v1/namespaces/none/configmaps', { metadata: { name: 'x' } }),
  ],
  'bodies that cannot be read': [
    post(DEPLOYMENTS, '{'),
    post(DEPLOYMENTS, '[]'),
    post(DEPLOYMENTS, { ...idle('x'), kind: 'Service' }),
    post(DEPLOYMENTS, { ...idle('x'), apiVersion: 'apps/v2' }),
    post(DEPLOYMENTS, idle('x', { replicas: 'two' })),
    post(DEPLOYMENTS, idle('x', { template: [] })),
    { method: 'POST', path: DEPLOYMENTS, body: 'a: 1', options: { contentType: 'text/plain' } },
    post(`${DEPLOYMENTS}?fieldValidation=Perhaps`, idle('x')),
    post(`${DEPLOYMENTS}?dryRun=Some`, idle('x')),
    post(DEPLOYMENTS, { ...idle('x'), metadata: { name: 'x', namespace: 'other' } }),
    post(DEPLOYMENTS, { ...idle('x'), metadata: { name: 'x', resourceVersion: '1' } }),
  ],
  'Deployments are created': [
    post(`${DEPLOYMENTS}?fieldManager=judge`, idle('one')),
    post(DEPLOYMENTS, idle('one')),
    get(ONE),
    post(`${DEPLOYMENTS}?dryRun=All`, idle('dry')),
    get(`${DEPLOYMENTS}/dry`),
    post(`${DEPLOYMENTS}?fieldValidation=Strict`, idle('x', { replica: 1 })),
    post(`${DEPLOYMENTS}?dryRun=All`, idle('x', { replica: 1 })),
    post(DEPLOYMENTS, { ...idle('Bad_Name'), metadata: { name: 'Bad_Name' } }),
    post(DEPLOYMENTS, idle('x', { replicas: -1 })),
    post(DEPLOYMENTS, idle('x', { selector: { matchLabels: { app: 'other' } } })),
    post(DEPLOYMENTS, idle('x', { selector: {} })),
    post(DEPLOYMENTS, deployment('x', '', 0)),
    post(DEPLOYMENTS, idle('x', { strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 0 } } })),
    post(DEPLOYMENTS, idle('x', { strategy: { rollingUpdate: { maxSurge: 'half' } } })),
    post(DEPLOYMENTS, idle('x', { strategy: { type: 'Sometimes' } })),
    post(DEPLOYMENTS, idle('x', { minReadySeconds: 600 })),
    post(DEPLOYMENTS, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x' } }),
  ],
  'Deployments are changed': [
    patch(`${ONE}?fieldManager=judge`, { metadata: { annotations: { a: '1' } } }),
    patch(`${ONE}?fieldManager=judge`, { metadata: { annotations: { a: '1' } } }),
    patch(`${ONE}?fieldManager=judge`, { metadata: { labels: { b: '1' } } }),
    patch(`${ONE}?fieldManager=greenlight&fieldValidation=Strict`, containers({ name: 'app', image: 'x:2' }), STRATEGIC),
    patch(ONE, { metadata: { resourceVersion: '1' }, spec: { paused: true } }, STRATEGIC),
    patch(ONE, { metadata: { resourceVersion: '1' } }, MERGE),
    patch(ONE, { metadata: { uid: 'other' } }, MERGE),
    patch(ONE, { metadata: { name: 'other' } }, MERGE),
    patch(`${ONE}?fieldValidation=Strict`, { spec: { replica: 1 } }, STRATEGIC),
    patch(`${ONE}?fieldValidation=Strict`, { spec: { replica: 1 } }, MERGE),
    patch(ONE, { spec: { replica: 1 } }, STRATEGIC),
    patch(ONE, { spec: { replicas: -1 } }, STRATEGIC),
    patch(ONE, { spec: { replicas: 'two' } }, STRATEGIC),
    patch(ONE, { spec: { replicas: 'two' } }, MERGE),
    patch(ONE, containers({ name: 'other' }), STRATEGIC),
    patch(ONE, containers({ image: 'x' }), STRATEGIC),
    patch(ONE, { spec: { selector: { matchLabels: { app: 'other' } } } }, STRATEGIC),
    patch(ONE, '{', STRATEGIC),
    patch(ONE, '[]', STRATEGIC),
    patch(ONE, '[]', MERGE),
    patch(ONE, {}, { contentType: 'application/json' }),
    patch(ONE, [{ op: 'test', path: '/spec/replicas', value: 9 }], JSON_PATCH),
    patch(ONE, [{ op: 'remove', path: '/spec/nothing' }], JSON_PATCH),
    patch(ONE, [{ op: 'replace', path: '/spec/nothing', value: 1 }], JSON_PATCH),
    patch(ONE, [{ op: 'jump', path: '/spec' }], JSON_PATCH),
    patch(ONE, { op: 'test' }, JSON_PATCH),
    patch(ONE, containers({ name: 'app', ports: [{ containerPort: 9090 }], env: [{ name: 'A', value: '1' }] }), STRATEGIC),
    patch(ONE, containers({ name: 'app', ports: [{ containerPort: 9090, $patch: 'delete' }], env: null }), STRATEGIC),
    patch(`${DEPLOYMENTS}/none`, { spec: { replicas: 1 } }, STRATEGIC),
    put(ONE, idle('other')),
    put(`${DEPLOYMENTS}/none`, idle('none')),
    put(`${ONE}?fieldManager=replacer`, idle('one')),
    patch(`${ONE}/status?fieldManager=judge`, { metadata: { annotations: { s: '1' }, labels: { s: '1' } }, status: { replicas: 0 } }),
    get(ONE),
    get(`${ONE}/scale`),
    patch(`${ONE}/scale?fieldManager=judge`, { spec: { replicas: 0 } }),
    patch(`${ONE}/scale`, { spec: { replicas: -1 } }),
  ],
  'server-side apply': [
    patch(`${DEPLOYMENTS}/applied?fieldManager=one`, idle('applied'), APPLY),
    patch(`${DEPLOYMENTS}/applied?fieldManager=two`, idle('applied', { replicas: 4 }), APPLY),
    patch(`${DEPLOYMENTS}/applied`, idle('applied'), APPLY),
    patch(`${DEPLOYMENTS}/applied?fieldManager=two&force=true`, idle('applied', { revisionHistoryLimit: 3 }), APPLY),
    patch(`${DEPLOYMENTS}/applied?fieldManager=two`, idle('applied'), APPLY),
    patch(`${DEPLOYMENTS}/applied?fieldManager=two`, { ...idle('applied'), metadata: { name: 'other' } }, APPLY),
    remove(`${DEPLOYMENTS}/applied`),
  ],
  'config maps': [
    post(CONFIG_MAPS, { metadata: { name: 'm', labels: { list: 'yes', tier: 'm' } }, data: { a: '1' } }),
    post(CONFIG_MAPS, { metadata: { name: 'n', labels: { list: 'yes' } }, data: { a: 1 } }),
    post(CONFIG_MAPS, { metadata: { name: 'n', labels: { list: '-' } } }),
    post(CONFIG_MAPS, { metadata: { name: 'n', annotations: { 'not a key': '1' } } }),
    post(CONFIG_MAPS, { metadata: {} }),
    post(CONFIG_MAPS, { metadata: { name: 'n', labels: { list: 'yes' } } }),
    get(`${CONFIG_MAPS}?labelSelector=list%3Dyes`),
    get(`${CONFIG_MAPS}?labelSelector=list&limit=1`),
    get(`${CONFIG_MAPS}?limit=-1&labelSelector=list`),
    get(`${CONFIG_MAPS}?limit=x`),
    get(`${CONFIG_MAPS}?continue=x`),
    get(`${CONFIG_MAPS}?resourceVersion=x`),
    get(`${CONFIG_MAPS}?labelSelector=%3D%3D`),
    get(`${CONFIG_MAPS}?labelSelector=a+in+b`),
    get(`${CONFIG_MAPS}?fieldSelector=data.x%3D1`),
    get(`${DEPLOYMENTS}?fieldSelector=spec.replicas%3D1`),
    get(`${CORE}/pods?fieldSelector=spec.x%3D1`),
    get(`${CORE}/pods?labelSelector=app%3Dnothing`),
    patch(`${CONFIG_MAPS}/m`, { data: { a: '1' } }),
    put(`${CONFIG_MAPS}/m`, { metadata: { name: 'm' }, immutable: true, data: { b: '2' } }),
    patch(`${CONFIG_MAPS}/m`, { data: { b: '3' } }),
    remove(`${CONFIG_MAPS}/m?propagationPolicy=Perhaps`),
    remove(`${CONFIG_MAPS}/m`, { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'other' } }),
    remove(`${CONFIG_MAPS}/m`, { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { resourceVersion: '1' } }),
    remove(`${CONFIG_MAPS}/m`),
    remove(`${CONFIG_MAPS}/m`),
    remove(`${CONFIG_MAPS}?labelSelector=list`),
  ],
  services: [
    post(`${CORE}/services`, SERVICE),
    post(`${CORE}/services`, { ...SERVICE, metadata: { name: '1x' } }),
    post(`${CORE}/services`, { ...SERVICE, metadata: { name: 'x' }, spec: { ...SERVICE.spec, ports: [] } }),
    post(`${CORE}/services`, { ...SERVICE, metadata: { name: 'x' }, spec: { ...SERVICE.spec, type: 'Public' } }),
    post(`${CORE}/services`, { ...SERVICE, metadata: { name: 'x' }, spec: { ...SERVICE.spec, ports: [{ port: 0 }] } }),
    patch(`${CORE}/services/payment-api`, { spec: { ports: [{ port: 443, name: 'https' }] } }, STRATEGIC),
    patch(`${CORE}/services/payment-api/status`, {
      status: { loadBalancer: { ingress: [{ ip: '127.0.0.1', ports: [{ port: 1, protocol: 'TCP' }] }] } },
    }),
    post(`${CORE}/services`, { ...SERVICE, metadata: { name: 'plain' }, spec: { ports: [{ port: 80 }] } }),
    remove(`${CORE}/services/plain`),
  ],
  'roles and reviews': [
    post(`${ROLES}/roles`, { metadata: { name: 'r' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }] }),
    post(`${ROLES}/roles`, { metadata: { name: 'x' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: [] }] }),
    post(`${ROLES}/roles`, { metadata: { name: 'x' }, rules: [{ verbs: ['get'] }] }),
    post(`${ROLES}/rolebindings`, {
      metadata: { name: 'b' },
      roleRef: { kind: 'Role', name: 'r' },
      subjects: [{ kind: 'Group', name: 'g' }],
    }),
    post(`${ROLES}/rolebindings`, { metadata: { name: 'x' }, roleRef: { kind: 'Thing', name: 'r' } }),
    patch(`${ROLES}/rolebindings/b`, { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'other' } }),
    post(REVIEWS, review({ verb: 'patch', group: 'apps', resource: 'deployments', namespace: 'prod', name: 'one' })),
    post(REVIEWS, { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: {} }),
    get(REVIEWS),
  ],
  routes: [
    post(ROUTES, { metadata: { name: 'bare' }, spec: {} }),
    post(`${ROUTES}?fieldManager=judge`, route('r')),
    get(`${ROUTES}/r`),
    patch(`${ROUTES}/r?fieldManager=greenlight&fieldValidation=Strict`, { metadata: { annotations: { a: '1' } } }),
    patch(`${ROUTES}/r?fieldManager=greenlight`, { spec: { rules: [{ backendRefs: [{ name: 'a', port: 80, weight: 5 }] }] } }),
    patch(`${ROUTES}/r`, { spec: { hostnames: ['a.example.com'] } }, STRATEGIC),
    patch(`${ROUTES}/r`, { metadata: { resourceVersion: '1' }, spec: { hostnames: ['a.example.com'] } }),
    patch(`${ROUTES}/r?fieldValidation=Strict`, { spec: { weights: 1 } }),
    patch(`${ROUTES}/r`, { spec: { weights: 1 } }),
    patch(`${ROUTES}/r`, { spec: { rules: [{ backendRefs: [{ name: 'a', port: 80, weight: -1 }] }] } }),
    patch(`${ROUTES}/r`, { spec: { rules: [{ backendRefs: [{ name: 'a', port: 80, weight: 1_000_001 }] }] } }),
    patch(`${ROUTES}/r`, { spec: { rules: [{ backendRefs: [{ name: 'a', port: 80, weight: 'half' }] }] } }),
    patch(`${ROUTES}/r`, { spec: { rules: [{ backendRefs: [{ name: 'a' }] }] } }),
    patch(`${ROUTES}/r`, { spec: { rules: [] } }),
    patch(`${ROUTES}/r`, { spec: { hostnames: ['Bad Host'] } }),
    post(`${ROUTES}?fieldValidation=Strict`, route('x', { weights: 1 })),
    patch(`${ROUTES}/r/status?fieldManager=judge`, { metadata: { annotations: { s: '1' } }, status: { parents: [] } }),
    put(`${ROUTES}/r`, route('r')),
    get(`${ROUTES}?labelSelector=none`),
    post(GATEWAYS, gateway('front', [{ name: 'http', port: 80, protocol: 'HTTP' }])),
    post(GATEWAYS, gateway('x', [])),
    post(GATEWAYS, gateway('x', [{ name: 'http', protocol: 'HTTP' }])),
    remove(`${ROUTES}/r`),
    get(`${ROUTES}/r`),
    remove(`${GATEWAYS}/front`),
    remove(ONE),
  ],
};
