/**
 * Builds etcd, kube-apiserver and kube-controller-manager from the Go module proxy into the cache folder. Needs Go, about 6 GB of disk for Go's caches,
 * and on two cores half an hour. k8s.io/kubernetes replaces its parts by folders that are not in the module: here they are replaced by their releases.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CACHE, CRDS, NAMES, VERSIONS } from './programs.ts';

const { kubernetes, etcd, gatewayApi } = VERSIONS;
const MINOR = kubernetes.split('.')[1]!;
const VERSION_PACKAGE = 'k8s.io/component-base/version';
const FLAGS = [
  '-s',
  '-w',
  `-X ${VERSION_PACKAGE}.gitVersion=v${kubernetes}`,
  `-X ${VERSION_PACKAGE}.gitMajor=1`,
  `-X ${VERSION_PACKAGE}.gitMinor=${MINOR}`,
];

const command = (name: string, make: string) => `package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/${name}/app"
)

func main() { os.Exit(cli.Run(app.${make}())) }
`;

const SOURCES: Record<(typeof NAMES)[number], string> = {
  etcd: 'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n',
  'kube-apiserver': command('kube-apiserver', 'NewAPIServerCommand'),
  'kube-controller-manager': command('kube-controller-manager', 'NewControllerManagerCommand'),
};

function build(): void {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-kubernetes-'));
  const environment = { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false', CGO_ENABLED: '0' };
  const go = (...args: string[]) =>
    execFileSync('go', args, { cwd: folder, env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const downloaded = (module: string) => (JSON.parse(go('mod', 'download', '-json', module)) as { Dir: string }).Dir;
  try {
    writeFileSync(join(folder, 'go.mod'), 'module greenlight.test/control-plane\n\ngo 1.24.0\n');
    const source = downloaded(`k8s.io/kubernetes@v${kubernetes}`);
    const staged = [...readFileSync(join(source, 'go.mod'), 'utf8').matchAll(/^\t(k8s\.io\/[\w-]+) => \.\/staging/gm)].map(
      ([, name]) => name!,
    );
    const lines = [
      'module greenlight.test/control-plane',
      'go 1.24.0',
      'godebug default=go1.24',
      `require k8s.io/kubernetes v${kubernetes}`,
      `require go.etcd.io/etcd/server/v3 v${etcd}`,
      ...staged.map((name) => `replace ${name} => ${name} v0.${kubernetes.slice(2)}`),
    ];
    writeFileSync(join(folder, 'go.mod'), `${lines.join('\n')}\n`);
    for (const name of NAMES) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'main.go'), SOURCES[name]);
    }
    go('mod', 'tidy');
    mkdirSync(CACHE, { recursive: true });
    for (const name of NAMES) {
      console.log(`building ${name}`);
      go('build', '-p', '2', '-ldflags', FLAGS.join(' '), '-o', join(CACHE, name), `./${name}`);
    }
    rmSync(CRDS, { recursive: true, force: true });
    cpSync(join(downloaded(`sigs.k8s.io/gateway-api@v${gatewayApi}`), 'config', 'crd', 'standard'), CRDS, { recursive: true });
    console.log(`built into ${CACHE}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (NAMES.every((name) => existsSync(join(CACHE, name))) && existsSync(CRDS)) console.log(`${CACHE} has them already`);
else build();
