/** The services outside AWS that the demo talks to: the http gate's, Slack's, and a program that gets events. Their ports are kept in the data folder. */
import { join } from 'node:path';
import { Listeners } from '../listeners.ts';
import { httpGate } from './http-gate.ts';
import { slackSink, WEBHOOK_PATH } from './slack-sink.ts';
import { webhookSink } from './webhook-sink.ts';

export interface DemoServers {
  /** Address that the http gate asks. */
  gateUrl: string;
  gateOrigin: string;
  /** Origin of the Slack sink: `GET <origin>/messages`. */
  slackOrigin: string;
  slackWebhook: string;
  /** Origin of the program that gets events: subscribe `<origin>/hooks`, look at `GET <origin>/received`. */
  webhookOrigin: string;
}

/** By data folder: a cloud that is started again in the same process finds them running. */
const running = new Map<string, Promise<DemoServers>>();

/** Opens the servers of a data folder. They end with the process and do not keep it alive. */
export function openDemoServers(dataFolder: string): Promise<DemoServers> {
  const opened = running.get(dataFolder) ?? open(dataFolder);
  running.set(dataFolder, opened);
  return opened;
}

async function open(dataFolder: string): Promise<DemoServers> {
  const listeners = new Listeners(join(dataFolder, 'demo'));
  const gate = await listeners.listen('http-gate', httpGate());
  const slack = await listeners.listen('slack', slackSink());
  const webhooks = await listeners.listen('webhooks', webhookSink());
  for (const { server } of [gate, slack, webhooks]) server.unref();
  return {
    gateUrl: `${gate.origin}/check`,
    gateOrigin: gate.origin,
    slackOrigin: slack.origin,
    slackWebhook: `${slack.origin}${WEBHOOK_PATH}`,
    webhookOrigin: webhooks.origin,
  };
}
