/** The CDK app. `npm run synth` runs it directly; the CDK command line runs it by cdk.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Configuration } from '../core/environment/configuration.ts';
import { buildFolder } from '../lib/build-folder.ts';
import { ControlPlaneStack } from '../lib/control-plane-stack.ts';
import { acknowledgeFindings } from '../lib/nag-acknowledgements.ts';
import { printWarnings } from '../lib/print-warnings.ts';
import { StateStack } from '../lib/state-stack.ts';

// The CDK command line says where; without it the library would choose a temporary folder.
const outdir = process.env['CDK_OUTDIR'] ?? join(import.meta.dirname, '..', 'cdk.out');
const app = new App({ outdir });
const configuration = JSON.parse(readFileSync(join(buildFolder(), 'functions', 'read', 'greenlight.json'), 'utf8')) as Configuration;
const state = new StateStack(app, 'GreenlightState');
const controlPlane = new ControlPlaneStack(app, 'Greenlight', { state, configuration });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
acknowledgeFindings(state, controlPlane);
printWarnings(app.synth());
console.log(`synthesized into ${outdir}`);
