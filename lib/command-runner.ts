/**
 * The one command of the build project: starts the argv in GATE_ARGV (JSON, attacker-influenced through the configuration) without a shell, and
 * exports its exit code and the end of its output. The runner's own text is fixed; the argv never becomes part of a command line.
 */
const RUNNER = [
  "const{spawnSync:r}=require('node:child_process');",
  "const{writeFileSync:w}=require('node:fs');",
  'const[c,...a]=JSON.parse(process.env.GATE_ARGV);',
  'const e={...process.env};delete e.GATE_ARGV;',
  "const o=r(c,a,{env:e,shell:false,encoding:'utf8',maxBuffer:16777216,stdio:['ignore','pipe','pipe']});",
  "const t=((o.stdout||'')+(o.stderr||'')+(o.error?String(o.error.message):'')).slice(-4096);",
  "w('gate-exit',String(o.status===null?255:o.status));",
  "w('gate-output',Buffer.from(t).toString('base64'));",
  'process.stdout.write(t);',
].join('');

export const COMMAND_RUNNER = [
  `node -e "${RUNNER.replaceAll('"', '\\"')}"`,
  'GATE_EXIT=$(cat gate-exit)',
  'GATE_OUTPUT=$(cat gate-output)',
  'export GATE_EXIT GATE_OUTPUT',
  'test "$GATE_EXIT" = 0',
].join('\n');
