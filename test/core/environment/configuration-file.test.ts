import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../../core/environment/configuration-file.ts';

const root = join(import.meta.dirname, '../../..');

function problemsOf(text: string, complete = false) {
  const result = readConfiguration(text, { complete });
  return result.ok ? [] : result.problems;
}

function load(text: string) {
  const result = readConfiguration(text, { complete: false });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result;
}

describe('the configuration of the demo', () => {
  const result = readConfiguration(readFileSync(join(root, 'greenlight.yaml'), 'utf8'));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const { configuration } = result;

  it('is the demo policy of the contract', () => {
    expect(configuration.path).toEqual(['dev', 'staging', 'prod']);
    const { dev, staging, prod } = configuration.environments;
    expect(dev).toMatchObject({ approvals: [], gates: [] });
    expect(staging).toMatchObject({
      gates: ['policy'],
      approvals: [{ rules: [{ role: 'cpi', min: 1 }] }],
      rollout: { strategy: 'direct', smoke: false },
      execute: 'auto',
      preview: 'optional',
    });
    expect(prod).toMatchObject({
      tier: 'production',
      gates: ['policy', 'signature', 'http'],
      approvals: [
        {
          rules: [
            { team: 'platform-leads', min: 1 },
            { team: 'security', min: 1 },
          ],
        },
      ],
      rollout: { strategy: 'canary', weights: [10, 50, 100], bakeSeconds: 5, smoke: true },
      execute: 'auto',
      preview: 'optional',
      linkMayDecide: false,
    });
  });

  it('has a hash that changes with its meaning and not with its comments', () => {
    const text = readFileSync(join(root, 'greenlight.yaml'), 'utf8');
    const commented = readConfiguration(`# another comment\n${text}`);
    const changed = readConfiguration(text.replace('bake: 5s', 'bake: 6s'));
    expect(commented.ok && commented.configuration.hash).toBe(configuration.hash);
    expect(changed.ok && changed.configuration.hash).not.toBe(configuration.hash);
  });
});

describe("seed 001's blocks load as they are written", () => {
  it('environments with approval teams and the path with arrows', () => {
    const { configuration } = load(`
environments:
  dev:
    registry: oci://dev-registry.example.com/floe
  staging:
    registry: oci://staging-registry.example.com/floe
    require_approval: true
  prod:
    registry: oci://prod-registry.example.com/floe
    require_approval: true
    approval_teams: [platform-leads, security]

promotion:
  path: dev → staging → prod
  validation_gates:
    - policy_compliance
    - integration_tests
    - security_scan
`);
    expect(configuration.path).toEqual(['dev', 'staging', 'prod']);
    expect(configuration.environments['prod']?.approvals).toEqual([
      {
        name: 'approval',
        rules: [
          { team: 'platform-leads', min: 1 },
          { team: 'security', min: 1 },
        ],
      },
    ]);
    expect(configuration.registries['prod']).toMatchObject({ origin: 'https://prod-registry.example.com', prefix: 'floe' });
    expect(Object.keys(configuration.gates)).toEqual(['policy_compliance', 'integration_tests', 'signature', 'vulnerability']);
  });

  it('gates with commands and time-outs', () => {
    const { configuration, warnings } = load(`
promotion:
  validation_gates:
    - name: policy_compliance
      enabled: true
      command: floe policy check
      timeout: 300s
    - name: integration_tests
      enabled: true
      command: make test-integration
      timeout: 600s
    - name: security_scan
      enabled: true
      command: cosign verify <artifact>
      timeout: 60s
    - name: performance_baseline
      enabled: false  # Optional
    - name: cost_analysis
      enabled: false  # Optional
`);
    expect(configuration.gates['integration_tests']).toMatchObject({
      type: 'command',
      argv: ['make', 'test-integration'],
      timeoutSeconds: 600,
    });
    expect(configuration.gates['signature']).toMatchObject({ type: 'signature', timeoutSeconds: 60 });
    expect(configuration.gates['performance_baseline']).toBeUndefined();
    expect(warnings.join()).toContain('security_scan');
  });

  it('rollback, policies, retention, lifecycle and approval time-out', () => {
    const { configuration } = load(`
environments:
  prod:
    require_approval: true
    approval_teams:
      - platform-leads
      - security-team
    approval_timeout_days: 7
promotion:
  rollback:
    require_approval: true
    approval_teams: [platform-leads, incident-commander]
    auto_rollback_on_failure: false  # Manual only
  policies:
    - name: auto-promote-staging-to-prod
      enabled: true
      from_env: staging
      to_env: prod
      conditions:
        - all_tests_pass: true
        - days_in_staging: 7
        - no_regressions: true
      approval: required  # Still require approval for prod
      notification: teams@acme.com
artifacts:
  retention:
    keep_last_versions: 10          # Keep latest 10 releases
    keep_duration_days: 90          # Keep last 90 days
    protected_tags:
      - "v*"                        # All semver tags
      - "release-*"                 # Release tags
    delete_schedule: daily          # Run daily at 2 AM
  lifecycle:
    v1.0.0:
      status: eol
      eol_date: 2023-12-31
      deprecation_date: 2023-06-30
      replacement: v1.1.0
      support_window: 12 months
`);
    expect(configuration.environments['prod']!.rollback).toMatchObject({
      approvals: [
        {
          name: 'rollback',
          rules: [
            { team: 'platform-leads', min: 1 },
            { team: 'incident-commander', min: 1 },
          ],
        },
      ],
      approvalTimeoutSeconds: 4 * 3_600,
      rollout: { strategy: 'direct', weights: [100] },
    });
    load('platform:\n  ref: oci://registry.example.com/floe-platform:v1.2.*  # Allow patch updates\n');
  });

  it('the optional gates when they are enabled, with a warning of what they take for granted', () => {
    const { configuration, warnings } = load(
      'promotion:\n  validation_gates:\n    - name: performance_baseline\n      enabled: true\n    - name: cost_analysis\n      enabled: true\n',
    );
    expect(configuration.gates).toMatchObject({
      performance_baseline: { type: 'performance_baseline', url: 'ssm:/greenlight/performance-baseline-url', maxRegressionPercent: 10 },
      cost_analysis: { type: 'cost', maxMonthlyUsd: 100, usdPerGibMonth: 0.1 },
    });
    expect(warnings).toHaveLength(2);
    const own = load(
      'promotion:\n  validation_gates: [performance_baseline]\ngates:\n  performance_baseline: { type: performance_baseline, prometheus: "https://p.example.com", metrics: { p95_ms: "q{v=\'{{version}}\'}" }, samples: n, min_samples: 100 }\n',
    );
    expect(own.configuration.gates['performance_baseline']).toMatchObject({
      minSamples: 100,
      samples: 'n',
      metrics: { p95_ms: "q{v='{{version}}'}" },
    });
  });

  it.each([
    ['{ type: performance_baseline }', 'needs url, or prometheus'],
    ['{ type: performance_baseline, url: "https://x.example.com", prometheus: "https://p.example.com" }', 'needs url, or prometheus'],
    ['{ type: performance_baseline, prometheus: "https://p.example.com" }', 'needs metrics'],
    ['{ type: performance_baseline, prometheus: "https://p.example.com", metrics: { a: "{{nothing}}" } }', '{{nothing}}'],
    ['{ type: performance_baseline, prometheus: "https://p.example.com", metrics: { a: q }, min_samples: 5 }', 'needs samples'],
    ['{ type: performance_baseline, url: "http://127.0.0.1/" }', 'not an https address'],
    ['{ type: cost }', 'needs max_monthly_usd'],
    ['{ type: cost, max_monthly_usd: 1, url: "https://x" }', 'has no url'],
  ])('a gate %s is refused: %s', (gate, message) => {
    const read = readConfiguration(`gates:\n  g: ${gate}\n`, { complete: false });
    expect(read.ok ? [] : read.problems.map((problem) => problem.message)).toContainEqual(expect.stringContaining(message));
  });

  it.each([
    ['promotion_exploded: { channels: [email] }', 'there is no event promotion_exploded'],
    ['promotion_failed: { recipients: ["nobody"] }', '"nobody" is nobody'],
  ])('notifications.events with %s is refused', (entry, message) => {
    const read = readConfiguration(`notifications:\n  events:\n    ${entry}\n`, { complete: false });
    expect(read.ok ? [] : read.problems.map((problem) => problem.message)).toContainEqual(expect.stringContaining(message));
  });

  it('notifications, with a warning that SES sends', () => {
    const { warnings, configuration } = load(`
notifications:
  channels:
    email:
      enabled: true
      smtp_server: smtp.example.com
      from: platform@acme.com
    slack:
      enabled: true
      webhook_url: https://hooks.slack.com/...
      channel: "#platform-deployments"
    webhooks:
      enabled: true
      url: https://webhook-receiver.example.com/promote
  events:
    promotion_requested:
      channels: [email, slack]
      recipients: [platform-leads@acme.com, "@platform-team"]
    promotion_failed:
      channels: [email, slack]
      severity: critical
      recipients: [platform-leads@acme.com, "@incident-commander"]
`);
    expect(warnings.join()).toContain('SES');
    expect(configuration.notifications.webhooks).toEqual([
      { name: 'config', url: 'https://webhook-receiver.example.com/promote', secret: 'secret:greenlight/webhook-signing', events: ['*'] },
    ]);
    expect(configuration.notifications.routes[0]).toEqual({
      event: 'promotion_requested',
      channels: ['email', 'slack'],
      recipients: ['platform-leads@acme.com', '@platform-team'],
    });
  });
});

describe('where a click in Slack decides', () => {
  const mayDecide = (text: string): Record<string, boolean> => {
    const { environments } = load(text).configuration;
    return Object.fromEntries(Object.entries(environments).map(([name, { slackMayDecide }]) => [name, slackMayDecide]));
  };
  const environments = (staging = '', prod = '') => `environments:\n  staging: { ${staging} }\n  prod: { ${prod} }\n`;
  const slack = 'notifications:\n  channels:\n    slack: { webhook_url: "secret:greenlight/slack-webhook" }\n';

  it('is everywhere but in production, unless the file says otherwise', () => {
    expect(mayDecide(environments() + slack)).toEqual({ staging: true, prod: false });
    expect(mayDecide(environments('tier: production') + slack)).toEqual({ staging: false, prod: false });
    expect(mayDecide(environments('slack_may_decide: false', 'slack_may_decide: true') + slack)).toEqual({ staging: false, prod: true });
  });

  it('is nowhere without Slack, and the file that wants it is told so', () => {
    const off = slack.replace('{ webhook', '{ enabled: false, webhook');
    for (const text of [environments('slack_may_decide: true'), environments('slack_may_decide: true') + off]) {
      expect(mayDecide(text)).toEqual({ staging: false, prod: false });
      expect(load(text).warnings.join()).toContain('environments.staging.slack_may_decide has no effect');
    }
    expect(load(environments() + off).configuration.notifications.slack).toBeUndefined();
    expect(load(environments() + off).warnings).toEqual([]);
  });

  it('takes one workspace or several', () => {
    const teamsOf = (rest: string) => load(slack.replace(' }', `${rest} }`)).configuration.notifications.slack?.teamIds;
    expect(teamsOf('')).toEqual([]);
    expect(teamsOf(', team_id: T012AB3CD')).toEqual(['T012AB3CD']);
    expect(teamsOf(', team_id: [T012AB3CD, T012AB3CE]')).toEqual(['T012AB3CD', 'T012AB3CE']);
  });
});

describe('the way back on request', () => {
  const DEMO = readFileSync(join(root, 'greenlight.yaml'), 'utf8');
  /** The demo with this `rollback` of prod, and this one of all environments. */
  const read = (prod: string, all = '') =>
    readConfiguration(
      DEMO.replace('    tier: production\n', `    tier: production\n    rollback: { ${prod} }\n`).replace(
        'promotion:\n',
        `promotion:\n  rollback: { ${all} }\n`,
      ),
    );
  const of = (prod: string, all?: string) => {
    const result = read(prod, all);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    return { ...result, rollback: result.configuration.environments['prod']!.rollback };
  };

  it('asks whom promotions ask, sooner, runs the gates that only read, and goes at once', () => {
    const { rollback, configuration } = of('');
    const { approvals } = configuration.environments['prod']!;
    expect(rollback).toMatchObject({ approvals, gates: ['policy', 'signature'], approvalTimeoutSeconds: 4 * 3_600 });
    expect(rollback.rollout).toEqual({ strategy: 'direct', weights: [100], bakeSeconds: 0, smoke: true });
    expect(configuration.environments['staging']!.rollback.rollout.smoke).toBe(false);
  });

  it('is what the file says for all, and what it says for one over it', () => {
    const all = 'require_approval: true, approval_teams: [qa], gates: [policy]';
    expect(of('', all).rollback).toMatchObject({ approvals: [{ rules: [{ team: 'qa' }] }], gates: ['policy'] });
    const own = of('approval_teams: [security], approval_timeout: 1h, gates: [], rollout: { canary: [50, 100], bake: 10s }', all).rollback;
    expect(own).toMatchObject({ approvals: [{ rules: [{ team: 'security' }] }], gates: [], approvalTimeoutSeconds: 3_600 });
    expect(own.rollout).toMatchObject({ strategy: 'canary', weights: [50, 100], bakeSeconds: 10 });
    expect(own.rollout.provider).toBeUndefined();
  });

  it('needs nobody only where the file says so, and says what that means for production', () => {
    const { rollback, warnings } = of('require_approval: false', 'approval_teams: [qa]');
    expect(rollback.approvals).toEqual([]);
    expect(warnings.join()).toContain('nobody approves a rollback of production');
    expect(of('').warnings.join()).not.toContain('nobody approves');
  });

  it('goes by itself for half an hour after a promotion where the file wants that, or for as long as it says', () => {
    expect(of('').rollback.watchAfterSeconds).toBeUndefined();
    expect(of('auto_rollback_on_failure: true')).toMatchObject({ rollback: { watchAfterSeconds: 1_800 }, warnings: of('').warnings });
    expect(of('auto_rollback_on_failure: true, watch_after: 2h').rollback.watchAfterSeconds).toBe(7_200);
    expect(of('auto_rollback_on_failure: false', 'auto_rollback_on_failure: true').rollback.watchAfterSeconds).toBeUndefined();
    for (const wrong of ['4m', '25h']) {
      const result = read(`auto_rollback_on_failure: true, watch_after: ${wrong}`);
      expect(result).toMatchObject({ ok: false, problems: [{ message: expect.stringContaining('5 minutes at least') }] });
    }
  });

  it('says where watching a promotion would have no effect', () => {
    expect(of('watch_after: 1h').warnings.join()).toContain('watch_after has no effect in prod without auto_rollback_on_failure: true');
    // Staging's smoke checks are off; prod is judged.
    const { configuration, warnings } = of('', 'auto_rollback_on_failure: true');
    expect(configuration.environments['prod']!.rollback.watchAfterSeconds).toBe(1_800);
    expect(configuration.environments['staging']!.rollback.watchAfterSeconds).toBeUndefined();
    expect(warnings.join()).toContain('auto_rollback_on_failure has no effect in staging');
    expect(warnings.join()).not.toContain('no effect in prod');
  });

  it('needs somebody where the file demands it, also where promotions need nobody', () => {
    const text = 'environments:\n  dev: { rollback: { require_approval: true } }\n';
    expect(load(text).configuration.environments['dev']!.rollback.approvals).toEqual([
      { name: 'rollback', rules: [{ role: 'cpi', min: 1 }] },
    ]);
    const conditional = load(
      'environments:\n  dev: { rollback: { require_approval: true }, approvals: [{ name: big, rules: [{ role: cpi }], when: { impact: [high] } }] }\n',
    );
    expect(conditional.configuration.environments['dev']!.rollback.approvals.map(({ name }) => name)).toEqual(['big', 'rollback']);
    expect(load('environments:\n  dev: {}\n').configuration.environments['dev']!.rollback.approvals).toEqual([]);
  });

  it.each([
    ['approval_teams: [securty]', 'nobody is in team securty'],
    ['approval_teams: []', 'approval_teams'],
    ['require_approval: false, approval_teams: [security]', 'switched off at once'],
    ['gates: [polcy]', 'there is no gate polcy'],
    ['rollout: { canary: [50, 20, 100] }', 'canary weights must grow'],
    ['approval_timeout: soon', 'not a length of time'],
    ['auto: true', 'unknown key'],
  ])('is refused with %s', (prod, message) => {
    const result = read(prod);
    expect(!result.ok && result.problems.map((problem) => problem.message).join()).toContain(message);
  });
});

describe('metrics of a workload', () => {
  const file = (metric: string, bake = '2m') => `
environments: { prod: { rollout: { canary: [10, 100], bake: ${bake} } } }
catalog:
  api: { tenant: t, workload: { metrics: [{ name: errors, prometheus: "https://prometheus.example.com", ${metric} }] } }
`;
  const good = 'query: "rate(e{d=\'{{updated}}\'}[{{window}}s])", max: 0.01';

  it('are read with their bounds and samples', () => {
    const text = file(`${good}, samples: { query: requests, at_least: 100 }, bearer: "secret:greenlight/prometheus"`);
    expect(load(text).configuration.artifacts['api']!.workload!.metrics).toEqual([
      {
        name: 'errors',
        prometheus: 'https://prometheus.example.com',
        query: "rate(e{d='{{updated}}'}[{{window}}s])",
        max: 0.01,
        samples: { query: 'requests', atLeast: 100 },
        bearer: 'secret:greenlight/prometheus',
      },
    ]);
  });

  it.each([
    ['query: up', 'needs max or min'],
    ['query: "up{d=\'{{digest}}\'}", max: 1', 'names {{digest}}'],
    ['query: up, max: 1, samples: { query: n }', 'at_least'],
  ])('%s is refused', (metric, message) => {
    expect(JSON.stringify(problemsOf(file(metric)))).toContain(message);
  });

  it('are refused where a canary has no bake in which they could be measured', () => {
    expect(problemsOf(file(good))).toEqual([]);
    expect(problemsOf(file(good, '0'))[0]).toMatchObject({ message: expect.stringContaining('prod has no bake') });
  });
});

describe('a mistake in the file', () => {
  it('CFG-01: an alias bomb is refused quickly', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n${Array.from({ length: 12 }, (_, i) => `c${i}: [${'*b,'.repeat(9)}*b]`).join('\n')}`;
    expect(problemsOf(bomb)).not.toEqual([]);
    expect(problemsOf('x'.repeat(300 * 1024))[0]?.message).toContain('256 KiB');
    expect(problemsOf(`${'['.repeat(1000)}${']'.repeat(1000)}`)).not.toEqual([]);
  });

  it('CFG-02: a duplicate key and a second document name their line', () => {
    expect(problemsOf('environments:\n  prod: {}\n  prod: {}\n')[0]?.line).toBe(3);
    expect(problemsOf('teams: []\n---\nteams: []\n')).not.toEqual([]);
  });

  it('CFG-04: a typo of require_approval is an error with a suggestion, never no approval', () => {
    expect(problemsOf('environments:\n  prod:\n    requireApproval: true\n')).toEqual([
      { line: 3, message: 'environments.prod: unknown key "requireApproval"', hint: 'did you mean "require_approval"?' },
    ]);
  });

  it('CFG-05: a quoted boolean, no team, an unknown team', () => {
    expect(problemsOf('environments:\n  prod:\n    require_approval: "false"\n')).not.toEqual([]);
    expect(problemsOf('environments:\n  prod:\n    approval_teams: []\n')).not.toEqual([]);
    const text = readFileSync(join(root, 'greenlight.yaml'), 'utf8').replace('team: security, min', 'team: securty, min');
    expect(problemsOf(text, true)[0]).toMatchObject({ message: 'nobody is in team securty', hint: 'did you mean "security"?' });
  });

  it('CFG-06: a cycle, an unknown step, an environment beside the path', () => {
    const text = readFileSync(join(root, 'greenlight.yaml'), 'utf8');
    expect(problemsOf(text.replace('dev → staging → prod', 'dev → staging → dev'), true)).not.toEqual([]);
    expect(problemsOf(text.replace('dev → staging → prod', 'dev → prod'), true)[0]?.message).toContain('not on the path');
    expect(problemsOf(text.replace('dev → staging → prod', 'dev → stagging → prod'), true)[0]?.hint).toContain('staging');
  });

  it('CFG-07: shells and shell characters in commands, time-outs out of bounds', () => {
    const gate = (rest: string) => problemsOf(`gates:\n  g: { type: command, ${rest} }\n`);
    expect(gate('command: "sh -c true"')).not.toEqual([]);
    expect(gate('command: "make test; rm -rf x"')).not.toEqual([]);
    expect(gate('command: "echo $(id)"')).not.toEqual([]);
    expect(gate('command: [bash, -c, x]')).not.toEqual([]);
    expect(gate('command: make, timeout: 0')).not.toEqual([]);
    expect(gate('command: make, timeout: 10d')).not.toEqual([]);
    expect(gate('command: [make, "test; rm"]')).toEqual([]);
  });

  it('CFG-08: an inline secret is refused with the reference to write, and not echoed', () => {
    const [problem] = problemsOf(
      'notifications:\n  channels:\n    slack: { webhook_url: "https://hooks.slack.com/services/T0/B0/abcdef" }\n',
    );
    expect(problem?.hint).toContain('secret:greenlight/slack');
    expect(JSON.stringify(problem)).not.toContain('abcdef');
  });

  it('a Slack member that belongs to two people, and ids that are none of Slack', () => {
    const person = (subject: string, slack: string) =>
      `  - { subject: ${subject}, email: ${subject}@example.com, name: X, slack: ${slack} }\n`;
    expect(problemsOf(`people:\n${person('a', 'U012AB3CD')}${person('b', 'U012AB3CE')}`)).toEqual([]);
    expect(problemsOf(`people:\n${person('a', 'U012AB3CD')}${person('b', 'U012AB3CD')}`)).toEqual([
      { line: 3, message: 'U012AB3CD is the Slack member of two people', hint: 'give each person their own member id', rule: true },
    ]);
    for (const id of ['u012ab3cd', 'T012AB3CD', '"@lead"', 'U1', '"U012 AB3CD"', '12', '""'])
      expect(problemsOf(`people:\n${person('a', id)}`)[0]?.message, id).toContain('people.0.slack');
    const slack = (rest: string) => problemsOf(`notifications:\n  channels:\n    slack: { ${rest} }\n`);
    expect(slack('app_id: A012AB3CD, team_id: T012AB3CD, bot_token: "secret:greenlight/slack-bot"')).toEqual([]);
    expect(slack('team_id: [T012AB3CD, T012AB3CE]')).toEqual([]);
    for (const wrong of [
      'app_id: T012AB3CD',
      'team_id: A012AB3CD',
      'team_id: []',
      'bot_token: xoxb-1-2-secret',
      'bot_token: "ssm:/token"',
    ]) {
      const problems = slack(wrong);
      expect(problems, wrong).not.toEqual([]);
      expect(JSON.stringify(problems)).not.toContain('xoxb');
    }
    expect(slack('team: T012AB3CD')[0]?.hint).toBeDefined();
  });

  it('a click that would decide on production from who knows where', () => {
    const text = readFileSync(join(root, 'greenlight.yaml'), 'utf8').replace(
      'tier: production',
      'tier: production\n    slack_may_decide: true',
    );
    expect(problemsOf(text, true)).toEqual([]);
    for (const missing of [', app_id: A0GREENLIGHT', ', team_id: T0GREENLIGHT']) {
      expect(text).toContain(missing);
      expect(problemsOf(text.replace(missing, ''), true)[0], missing).toMatchObject({
        message: expect.stringContaining('a click in Slack decides on production only from'),
        hint: expect.stringContaining('app_id and team_id'),
      });
    }
    expect(problemsOf(text.replace('slack: { webhook_url', 'slack: { enabled: false, webhook_url'), true)).not.toEqual([]);
  });

  it('CFG-09: names of object members are plain names or refused', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) expect(() => problemsOf(`environments:\n  ${name}: {}\n`)).not.toThrow();
    expect(({} as Record<string, unknown>)['registry']).toBeUndefined();
  });

  it('CFG-11: BOM, CRLF and both arrows are read', () => {
    expect(load('\ufeffpromotion:\r\n  path: dev -> staging -> prod\r\n').configuration.path).toEqual(['dev', 'staging', 'prod']);
  });

  it('a wait timer that outlasts the approvals that it waits after', () => {
    const wait = (timer: string, valid: string) =>
      problemsOf(`environments: { staging: { wait_timer: ${timer}, approval_valid: ${valid} } }`).map(({ message }) => message);
    expect(wait('1h', '2h')).toEqual([]);
    for (const [timer, valid] of [
      ['2h', '2h'],
      ['3h', '2h'],
      ['0', '0'],
    ] as const)
      expect(wait(timer, valid)).toEqual([expect.stringContaining('too old before the wait timer is over')]);
  });

  it('policies of promotion that go where nobody can, ask for nothing that exists, or take approvals away', () => {
    const withPolicy = (policy: string) =>
      readFileSync(join(root, 'greenlight.yaml'), 'utf8').replace('promotion:\n', `promotion:\n  policies: [${policy}]\n`);
    const policy = (more: string) => withPolicy(`{ name: auto, enabled: true, from_env: staging, to_env: prod, ${more} }`);
    const first = (text: string) => problemsOf(text, true)[0]!;
    expect(load(policy('conditions: []')).warnings.join()).toContain('auto has no conditions');
    expect(load(policy('conditions: [{ days_in_staging: 7 }, { soak: 36h }, { no_regressions: true }]')).configuration.policies).toEqual([
      expect.objectContaining({ soakSeconds: 7 * 86_400, noRegressions: true, allTestsPass: false, prereleases: false, notify: [] }),
    ]);
    expect(first(policy('conditions: [{ all_test_pass: true }]'))).toMatchObject({ hint: 'did you mean "all_tests_pass"?' });
    expect(first(policy('conditions: [{ days_in_dev: 7 }]')).message).toContain('no condition days_in_dev');
    expect(first(policy('conditions: [{ soak: soon }]')).hint).toContain('36h');
    expect(first(policy('conditions: [{ days_in_staging: 400 }]')).message).toContain('366 days');
    expect(first(policy('conditions: [{ all_tests_pass: "yes" }]')).message).toContain('true or false');
    expect(first(policy('conditions: [], notification: "everybody"')).message).toContain('mail address');
    expect(first(policy('conditions: [], artifacts: ["pay ment"]')).message).toContain('stands for anything');
    const metric = '{ metric: { name: errors, prometheus: "https://p.example", query: errors, max: 1 } }';
    expect(load(policy(`conditions: [${metric}]`)).configuration.policies![0]!.metrics).toHaveLength(1);
    expect(first(policy(`conditions: [${metric}, ${metric}]`)).message).toContain('the same name');
    expect(first(withPolicy('{ name: auto, from_env: dev, to_env: prod, conditions: [] }')).message).toContain('one step');
    expect(first(withPolicy('{ name: auto, from_env: dev, to_env: stagin, conditions: [] }')).hint).toBe('did you mean "staging"?');
    expect(first(withPolicy('{ name: auto, from_env: dev, to_env: staging, conditions: [], approval: none }')).message).toContain(
      'cannot take them',
    );
    const twice = '{ name: auto, from_env: dev, to_env: staging, conditions: [] }';
    expect(first(withPolicy(`${twice}, ${twice}`)).message).toContain('two policies');
    const free = withPolicy('{ name: auto, from_env: dev, to_env: staging, conditions: [], approval: required }').replace(
      /approvals:\n\s+- \{ name: review.*\n/,
      'approvals: []\n',
    );
    expect(first(free).message).toContain('demands no approvals');
  });

  it('SELF-12: automation that would promote to production without approval', () => {
    const text = `${readFileSync(join(root, 'greenlight.yaml'), 'utf8').replace('promotion:\n', 'promotion:\n  policies: [{ name: auto, from_env: staging, to_env: prod, conditions: [], approval: none }]\n')}`;
    expect(problemsOf(text, true)[0]?.message).toContain('without approval');
  });

  it('HOOK-13: production without gates or without approval', () => {
    const text = readFileSync(join(root, 'greenlight.yaml'), 'utf8');
    expect(problemsOf(text.replace('gates: [policy, signature, http]', 'gates: []'), true)[0]?.message).toContain('at least one gate');
    expect(problemsOf(text.replace(/approvals:\n\s+- \{ name: approval.*\n/, 'approvals: []\n'), true)[0]?.message).toContain(
      'human approval',
    );
  });
});
