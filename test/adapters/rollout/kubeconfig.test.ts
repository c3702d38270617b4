import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readKubeconfig } from '../../../adapters/rollout/kubeconfig.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

function config(cluster: object = {}, user: object = {}, current = 'main'): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': current,
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u', namespace: 'x' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://k8s.example.com:6443', 'certificate-authority-data': base64('PEM'), ...cluster } }],
    users: [{ name: 'u', user: { token: 't0ken', ...user } }],
  });
}

it('a token and a client certificate are read', () => {
  expect(readKubeconfig(config())).toEqual({ server: 'https://k8s.example.com:6443', ca: 'PEM', token: 't0ken' });
  const user = { token: undefined, 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') };
  expect(readKubeconfig(config({}, user))).toEqual({
    server: 'https://k8s.example.com:6443',
    ca: 'PEM',
    certificate: { cert: 'CERT', key: 'KEY' },
  });
});

describe('a kubeconfig is refused, without quoting it,', () => {
  it.each([
    ['that runs a program', config({}, { exec: { command: 'sh', args: ['-c', 't0ken'] } })],
    ['that asks a provider', config({}, { 'auth-provider': { name: 'gcp' } })],
    ['that skips the certificate', config({ 'insecure-skip-tls-verify': true })],
    ['that renames the server', config({ 'tls-server-name': 'x' })],
    ['without an authority', config({ 'certificate-authority-data': undefined })],
    ['over http', config({ server: 'http://k8s.example.com' })],
    ['without a way to sign in', config({}, { token: undefined })],
    ['whose context does not exist', config({}, {}, 'other')],
    ['that is no kubeconfig', 'a: 1'],
    ['that is no YAML', '{{{t0ken'],
  ])('%s', (_name, text) => {
    try {
      readKubeconfig(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ name: 'CLUSTER_REFUSED' });
      expect((error as Error).message).not.toContain('t0ken');
    }
  });
});
