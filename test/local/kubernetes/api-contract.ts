/** What the API refuses and accepts: our API server's tests, and a real one's in test/conformance. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Fields } from '../../../local/kubernetes/kube-object.ts';
import { type Caller, DEPLOYMENTS, deployment, SERVICE } from './test-cluster.ts';

const CONFIG_MAPS = '/api/v1/namespaces/prod/configmaps';
const MERGE = { contentType: 'application/merge-patch+json' };
const JSON_PATCH = { contentType: 'application/json-patch+json' };
const STRATEGIC = { contentType: 'application/strategic-merge-patch+json' };
const APPLY = { contentType: 'application/apply-patch+yaml' };
// Nothing listens there: these Deployments never become ready, which these tests do not need.
const IMAGE = '127.0.0.1:1/app:1';

/** `open` answers an API server with an empty namespace `prod`, the administrator of which calls it. */
export function describeApi(open: () => Promise<Caller>): void {
  let cluster: Caller;
  beforeAll(async () => {
    cluster = await open();
  });

  const configMap = (name: string, data: Fields = {}, labels: Fields = {}) => ({ metadata: { name, labels }, data });

  describe('requests', () => {
    it('answers 401 without a token and with a wrong one', async () => {
      for (const token of ['', 'wrong', 'k8s-aws-v1.eA']) {
        const { status, body } = await cluster.call('GET', '/api/v1/namespaces', undefined, { token });
        expect([status, body.reason, body.message]).toEqual([401, 'Unauthorized', 'Unauthorized']);
      }
    });

    it('answers unknown kinds, paths and names with a Status', async () => {
      expect((await cluster.call('GET', '/api/v1/nothings')).body).toMatchObject({ kind: 'Status', reason: 'NotFound', code: 404 });
      const missing = await cluster.call('GET', `${DEPLOYMENTS}/none`);
      expect(missing.body).toMatchObject({
        message: 'deployments.apps "none" not found',
        reason: 'NotFound',
        details: { name: 'none', group: 'apps', kind: 'deployments' },
        code: 404,
      });
      expect((await cluster.call('POST', '/api/v1/namespaces/none/configmaps', configMap('x'))).body.message).toBe(
        'namespaces "none" not found',
      );
    });
  });

  describe('routes of the Gateway API', () => {
    const ROUTES = '/apis/gateway.networking.k8s.io/v1/namespaces/prod/httproutes';
    const route = (name: string, refs: Fields[], more: Fields = {}) => ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name },
      spec: { parentRefs: [{ name: 'front' }], rules: [{ backendRefs: refs }], ...more },
    });

    it('have the defaults of their schema, and count generations of the spec alone', async () => {
      const { status, body } = await cluster.call('POST', ROUTES, route('one', [{ name: 'a', port: 80 }]));
      expect(status).toBe(201);
      expect(body).toMatchObject({
        metadata: { generation: 1 },
        spec: {
          parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'front' }],
          rules: [
            {
              matches: [{ path: { type: 'PathPrefix', value: '/' } }],
              backendRefs: [{ group: '', kind: 'Service', name: 'a', port: 80, weight: 1 }],
            },
          ],
        },
      });
      const noted = await cluster.call('PATCH', `${ROUTES}/one`, { metadata: { annotations: { a: 'b' } } }, MERGE);
      expect(noted.body.metadata.generation).toBe(1);
      const refs = [{ name: 'a', port: 80, weight: 5 }];
      const weighed = await cluster.call('PATCH', `${ROUTES}/one`, { spec: { rules: [{ backendRefs: refs }] } }, MERGE);
      expect(weighed.body.metadata.generation).toBe(2);
    });

    it('take no strategic merge patch, and no version that is old', async () => {
      await cluster.call('POST', ROUTES, route('two', [{ name: 'a', port: 80 }]));
      expect(await cluster.call('PATCH', `${ROUTES}/two`, { spec: { hostnames: ['a.example.com'] } }, STRATEGIC)).toMatchObject({
        status: 415,
        body: { reason: 'UnsupportedMediaType' },
      });
      const old = { metadata: { resourceVersion: '1' }, spec: { hostnames: ['a.example.com'] } };
      expect(await cluster.call('PATCH', `${ROUTES}/two`, old, MERGE)).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    });

    it.each([
      ['a weight below zero', route('x', [{ name: 'a', port: 80, weight: -1 }]), 422, 'spec.rules[0].backendRefs[0].weight'],
      ['a weight above a million', route('x', [{ name: 'a', port: 80, weight: 1_000_001 }]), 422, 'less than or equal to 1000000'],
      ['a weight in words', route('x', [{ name: 'a', port: 80, weight: 'half' }]), 422, 'must be of type integer'],
      ['a Service without its port', route('x', [{ name: 'a' }]), 422, 'Must have port for Service reference'],
      ['an object that does not name its kind', { metadata: { name: 'x' }, spec: {} }, 400, "Object 'Kind' is missing"],
      ['an unknown field, when asked to be strict', route('x', [], { weights: 1 }), 400, 'unknown field "spec.weights"'],
    ])('refuse %s', async (_what, body, status, message) => {
      const answer = await cluster.call('POST', `${ROUTES}?fieldValidation=Strict`, body);
      expect([answer.status, answer.body.message]).toEqual([status, expect.stringContaining(message)]);
    });
  });

  describe('creation', () => {
    it('fills in defaults, identity and versions', async () => {
      const { status, body } = await cluster.call('POST', DEPLOYMENTS, deployment('defaults', IMAGE));
      expect(status).toBe(201);
      expect(body.metadata).toMatchObject({
        generation: 1,
        namespace: 'prod',
        uid: expect.any(String),
        resourceVersion: expect.stringMatching(/^\d+$/),
      });
      expect(body.spec).toMatchObject({
        progressDeadlineSeconds: 600,
        revisionHistoryLimit: 10,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      });
      expect(body.spec.template.spec).toMatchObject({ restartPolicy: 'Always', containers: [{ imagePullPolicy: 'IfNotPresent' }] });
      expect((await cluster.call('POST', DEPLOYMENTS, deployment('defaults', IMAGE))).body).toMatchObject({
        reason: 'AlreadyExists',
        code: 409,
      });
    });

    it('refuses bad names, labels, selectors, replicas and missing images with a cause per field', async () => {
      const bad = deployment('Bad_Name', '', -1);
      bad.spec.selector = { matchLabels: { app: 'other' } };
      bad.metadata.labels = { 'not a key': '-' };
      const { status, body } = await cluster.call('POST', DEPLOYMENTS, bad);
      expect([status, body.reason]).toEqual([422, 'Invalid']);
      const fields = body.details.causes.map((cause: Fields) => cause.field);
      expect(fields).toEqual(
        expect.arrayContaining([
          'metadata.name',
          'metadata.labels',
          'spec.replicas',
          'spec.template.metadata.labels',
          'spec.template.spec.containers[0].image',
        ]),
      );
      expect(body.message).toContain('Deployment.apps "Bad_Name" is invalid: [');
    });

    it('refuses unknown fields under Strict, warns under Warn, and drops them', async () => {
      const typo = deployment('typo', IMAGE, 1, { replica: 2 });
      typo.spec.template.spec.containers[0].imag = 'x';
      const strict = await cluster.call('POST', `${DEPLOYMENTS}?fieldValidation=Strict`, typo);
      expect(strict.body).toMatchObject({ reason: 'BadRequest', code: 400 });
      expect(strict.body.message).toContain(
        'strict decoding error: unknown field "spec.template.spec.containers[0].imag", unknown field "spec.replica"',
      );
      const warned = await cluster.call('POST', DEPLOYMENTS, typo);
      expect(warned.status).toBe(201);
      expect(warned.headers.warning).toContain('299 - "unknown field');
      expect(warned.body.spec.replica).toBeUndefined();
    });

    it('refuses values of the wrong type', async () => {
      const { body } = await cluster.call('POST', DEPLOYMENTS, deployment('typed', IMAGE, 'two' as unknown as number));
      expect(body.message).toContain('json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32');
    });

    it('keeps nothing of a dry run', async () => {
      expect((await cluster.call('POST', `${CONFIG_MAPS}?dryRun=All`, configMap('dry'))).status).toBe(201);
      expect((await cluster.call('GET', `${CONFIG_MAPS}/dry`)).status).toBe(404);
    });
  });

  describe('changes', () => {
    it('refuses an update with an old resourceVersion, and counts generations for the spec and annotations', async () => {
      const first = (await cluster.call('POST', DEPLOYMENTS, deployment('versions', IMAGE))).body;
      const scaled = (await cluster.call('PATCH', `${DEPLOYMENTS}/versions`, { spec: { replicas: 3 } }, MERGE)).body;
      expect(scaled.metadata.generation).toBe(2);
      const old = await cluster.call('PUT', `${DEPLOYMENTS}/versions`, { ...first, metadata: { ...first.metadata, labels: { a: 'b' } } });
      expect(old.body).toMatchObject({ code: 409, reason: 'Conflict' });
      expect(old.body.message).toBe(
        'Operation cannot be fulfilled on deployments.apps "versions": the object has been modified; please apply your changes to the latest version and try again',
      );
      const labelled = (await cluster.call('PATCH', `${DEPLOYMENTS}/versions`, { metadata: { labels: { a: 'b' } } }, MERGE)).body;
      expect(labelled.metadata.generation).toBe(2);
      // A Deployment hands its annotations on to its ReplicaSets.
      const annotated = (await cluster.call('PATCH', `${DEPLOYMENTS}/versions`, { metadata: { annotations: { a: 'b' } } }, MERGE)).body;
      expect(annotated.metadata.generation).toBe(3);
      const noted = { metadata: { annotations: { a: 'c' } } };
      const { metadata } = (await cluster.call('PATCH', `${DEPLOYMENTS}/versions/status`, noted, MERGE)).body;
      expect([metadata.generation, metadata.annotations.a]).toEqual([3, 'c']);
    });

    it('does not change the version of an object that an update leaves as it is', async () => {
      const { body } = await cluster.call('POST', CONFIG_MAPS, configMap('same', { a: '1' }));
      const again = await cluster.call('PATCH', `${CONFIG_MAPS}/same`, { data: { a: '1' } }, MERGE);
      expect(again.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
    });

    it('holds the selector of a Deployment immutable', async () => {
      await cluster.call('POST', DEPLOYMENTS, deployment('fixed', IMAGE));
      const patch = [
        { op: 'replace', path: '/spec/selector/matchLabels/track', value: 'x' },
        { op: 'replace', path: '/spec/template/metadata/labels/track', value: 'x' },
      ];
      const { body } = await cluster.call('PATCH', `${DEPLOYMENTS}/fixed`, patch, JSON_PATCH);
      expect(body.details.causes).toEqual([
        expect.objectContaining({ field: 'spec.selector', message: expect.stringContaining('field is immutable') }),
      ]);
    });

    it('applies JSON patches with test, and strategic merges by container name and port', async () => {
      await cluster.call('POST', DEPLOYMENTS, deployment('patched', IMAGE));
      const at = `${DEPLOYMENTS}/patched`;
      const failed = await cluster.call('PATCH', at, [{ op: 'test', path: '/spec/replicas', value: 9 }], JSON_PATCH);
      expect(failed.status).toBe(422);
      const container = { name: 'app', env: [{ name: 'A', value: '1' }], ports: [{ containerPort: 9090, name: 'admin' }] };
      const merged = (await cluster.call('PATCH', at, { spec: { template: { spec: { containers: [container] } } } }, STRATEGIC)).body;
      const [app] = merged.spec.template.spec.containers;
      expect(app).toMatchObject({ image: IMAGE, env: [{ name: 'A', value: '1' }] });
      expect(app.ports.map((port: Fields) => port.containerPort)).toEqual([9090, 8080]);
      const gone = { name: 'app', ports: [{ containerPort: 9090, $patch: 'delete' }], env: null };
      const after = (await cluster.call('PATCH', at, { spec: { template: { spec: { containers: [gone] } } } }, STRATEGIC)).body;
      expect(after.spec.template.spec.containers[0].ports).toHaveLength(1);
      expect(after.spec.template.spec.containers[0].env).toBeUndefined();
    });

    it('reads and writes the scale, with its version as a precondition', async () => {
      await cluster.call('POST', DEPLOYMENTS, deployment('scaled', IMAGE));
      const scale = (await cluster.call('GET', `${DEPLOYMENTS}/scaled/scale`)).body;
      expect(scale).toMatchObject({
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        spec: { replicas: 2 },
        status: { selector: 'app=payment-api,track=scaled' },
      });
      const written = await cluster.call('PATCH', `${DEPLOYMENTS}/scaled/scale`, { spec: { replicas: 5 } }, MERGE);
      expect(written.body.spec.replicas).toBe(5);
      expect((await cluster.call('PUT', `${DEPLOYMENTS}/scaled/scale`, scale)).status).toBe(409);
      expect((await cluster.call('PATCH', `${DEPLOYMENTS}/scaled/scale`, { spec: { replicas: -1 } }, MERGE)).status).toBe(422);
    });
  });

  describe('server-side apply', () => {
    const at = `${DEPLOYMENTS}/applied`;
    const config = (more: Fields) => {
      const base = deployment('applied', IMAGE, 2, more);
      return base;
    };

    it('owns what it names, refuses fields of others, takes them by force and removes what it drops', async () => {
      const created = await cluster.call(
        'PATCH',
        `${at}?fieldManager=one`,
        { ...config({}), metadata: { name: 'applied', annotations: { a: '1', b: '2' } } },
        APPLY,
      );
      expect(created.status).toBe(201);
      const refused = await cluster.call('PATCH', `${at}?fieldManager=two`, config({ replicas: 4 }), APPLY);
      expect(refused.body).toMatchObject({ reason: 'Conflict', code: 409 });
      expect(refused.body.message).toBe('Apply failed with 1 conflict: conflict with "one": .spec.replicas');
      expect(refused.body.details.causes[0]).toMatchObject({ reason: 'FieldManagerConflict', field: '.spec.replicas' });
      const forced = await cluster.call('PATCH', `${at}?fieldManager=two&force=true`, config({ replicas: 4 }), APPLY);
      expect(forced.body.spec.replicas).toBe(4);
      const dropped = await cluster.call(
        'PATCH',
        `${at}?fieldManager=one`,
        { ...config({ replicas: 4 }), metadata: { name: 'applied', annotations: { a: '1' } } },
        APPLY,
      );
      expect(dropped.status).toBe(200);
      expect(dropped.body.metadata.annotations).toMatchObject({ a: '1' });
      expect(dropped.body.metadata.annotations.b).toBeUndefined();
    });

    it('counts a plain update as taking the fields that it changes', async () => {
      await cluster.call('PATCH', `${at}?fieldManager=kubectl-set`, { spec: { replicas: 7 } }, MERGE);
      const refused = await cluster.call('PATCH', `${at}?fieldManager=two`, config({ replicas: 4 }), APPLY);
      expect(refused.body.message).toBe('Apply failed with 1 conflict: conflict with "kubectl-set" using apps/v1: .spec.replicas');
    });
  });

  describe('lists', () => {
    it('selects by labels and fields, and pages', async () => {
      for (const name of ['l1', 'l2', 'l3']) await cluster.call('POST', CONFIG_MAPS, configMap(name, {}, { list: 'yes', tier: name }));
      const names = async (query: string) =>
        (await cluster.call('GET', `${CONFIG_MAPS}?${query}`)).body.items?.map((item: Fields) => item.metadata.name);
      expect(await names('labelSelector=list%3Dyes,tier+in+(l1,l3)')).toEqual(['l1', 'l3']);
      expect(await names('labelSelector=list,tier!%3Dl1')).toEqual(['l2', 'l3']);
      expect(await names('fieldSelector=metadata.name%3Dl2')).toEqual(['l2']);
      expect((await cluster.call('GET', `${CONFIG_MAPS}?fieldSelector=data.x%3D1`)).body.message).toBe(
        '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
      );
      const first = (await cluster.call('GET', `${CONFIG_MAPS}?labelSelector=list&limit=2`)).body;
      expect(first.items).toHaveLength(2);
      const next = await cluster.call('GET', `${CONFIG_MAPS}?labelSelector=list&limit=2&continue=${first.metadata.continue}`);
      expect(next.body.items.map((item: Fields) => item.metadata.name)).toEqual(['l3']);
      expect(next.body.metadata.continue).toBeUndefined();
    });
  });

  describe('deletion', () => {
    const exists = async (path: string) => (await cluster.call('GET', path)).status === 200;

    it('holds preconditions, finalizers and collections', async () => {
      const { body } = await cluster.call('POST', CONFIG_MAPS, { metadata: { name: 'held', finalizers: ['example.com/hold'] } });
      const wrong = { kind: 'DeleteOptions', preconditions: { uid: 'other' } };
      expect((await cluster.call('DELETE', `${CONFIG_MAPS}/held`, wrong)).status).toBe(409);
      const marked = await cluster.call('DELETE', `${CONFIG_MAPS}/held`, {
        kind: 'DeleteOptions',
        preconditions: { uid: body.metadata.uid },
      });
      expect(marked.body.metadata.deletionTimestamp).toEqual(expect.any(String));
      expect(await exists(`${CONFIG_MAPS}/held`)).toBe(true);
      await cluster.call('PATCH', `${CONFIG_MAPS}/held`, { metadata: { finalizers: null } }, MERGE);
      expect(await exists(`${CONFIG_MAPS}/held`)).toBe(false);
      await cluster.call('POST', CONFIG_MAPS, configMap('many', {}, { group: 'x' }));
      expect((await cluster.call('DELETE', `${CONFIG_MAPS}?labelSelector=group%3Dx`)).body.items).toHaveLength(1);
      expect(await exists(`${CONFIG_MAPS}/many`)).toBe(false);
    });

    it('does not delete Services through an unknown policy', async () => {
      await cluster.call('POST', '/api/v1/namespaces/prod/services', SERVICE);
      expect((await cluster.call('DELETE', '/api/v1/namespaces/prod/services/payment-api?propagationPolicy=Perhaps')).status).toBe(422);
      expect(await exists('/api/v1/namespaces/prod/services/payment-api')).toBe(true);
    });
  });
}
