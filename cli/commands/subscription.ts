/** `greenlight subscription`: who gets signed events over HTTP, what was delivered, and once more. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { everyPage } from '../every-page.ts';
import { EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { type Output, oneLine } from '../output.ts';
import type { SharedOptions } from '../session.ts';
import { shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

interface SubscriptionView {
  id: string;
  tenant: string | null;
  url: string;
  events: string[];
  environments: string[] | null;
  artifacts: string[] | null;
  severity: string | null;
  state: string;
  disabledBecause: string | null;
  secret?: string | null;
}

interface DeliveryView {
  id: string;
  type: string;
  eventId: string;
  status: string;
  createdAt: string;
  nextAt: string | null;
  attempts: { at: string; milliseconds: number; status?: number; error?: string }[];
}

/** Nothing else is printed as a secret, whatever a server answers. */
const SECRET = /^whsec_[A-Za-z0-9+/]{40,88}={0,2}$/;

export function subscriptionVerb(context: VerbContext): Command {
  return new Command('subscription')
    .description('Sends events to other programs: signed webhooks')
    .addCommand(addVerb(context))
    .addCommand(listVerb(context))
    .addCommand(removeVerb(context))
    .addCommand(rotateVerb(context))
    .addCommand(enableVerb(context))
    .addCommand(deliveriesVerb(context))
    .addCommand(redeliverVerb(context));
}

interface AddOptions extends SharedOptions {
  events?: string[];
  environment?: string[];
  severity?: string;
  tenant?: string;
  description?: string;
}

function addVerb(context: VerbContext): Command {
  const each = (flags: string, description: string) =>
    new Option(flags, description).argParser((value: string, before: string[] = []) => [...before, ...listed(value)]);
  const one = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);
  return verb<AddOptions>(context, 'add URL', {
    summary: 'Subscribes an address, and prints the secret that signs, once',
    examples: [
      'subscription add https://hooks.example.com/greenlight',
      'subscription add https://hooks.example.com/greenlight --events promotion.failed,rollback.* --environment prod',
      'subscription add https://hooks.example.com/greenlight --events deployment-failed --severity warning --json',
    ],
    run: async ({ client, output, options }, [url], { events, environment, severity, tenant, description }) => {
      const { body: made } = await client.post<SubscriptionView>('/v1/subscriptions', {
        url,
        ...(events ? { events } : {}),
        ...(environment ? { environments: environment } : {}),
        ...(options.artifact === undefined ? {} : { artifacts: [options.artifact] }),
        ...(severity === undefined ? {} : { severity }),
        ...(tenant === undefined ? {} : { tenant }),
        ...(description === undefined ? {} : { description }),
      });
      output.document(made);
      output.talk(`  ${line(made, output)}`);
      showSecret(made, output);
      return EXIT.done;
    },
  })
    .addOption(each('--events <NAMES>', 'names of events, with commas or repeated, e.g. promotion.failed,rollback.* (default: all)'))
    .addOption(each('--environment <ENV>', 'only there; may be repeated'))
    .addOption(new Option('--severity <LEVEL>', 'the least that is sent').choices(['info', 'warning', 'critical']))
    .addOption(one('--tenant <TENANT>', 'whose events (default: my first tenant)'))
    .addOption(one('--description <TEXT>', 'for people'));
}

function listed(value: string): string[] {
  const words = value.split(',').map((word) => word.trim());
  if (words.some((word) => word === '')) throw new InvalidArgumentError('Give names with commas between them.');
  return words;
}

function listVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'list', {
    summary: 'Lists the subscriptions of my tenants',
    examples: ['subscription list', 'subscription list --as admin@example.com', 'subscription list --json'],
    run: async ({ client, output }) => {
      const items = await everyPage<SubscriptionView>(client, '/v1/subscriptions');
      output.document({ items });
      for (const subscription of items) output.line(line(subscription, output));
      if (items.length === 0) output.line('There are no subscriptions');
      return EXIT.done;
    },
  });
}

function removeVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'remove ID', {
    summary: 'Ends a subscription',
    examples: [
      'subscription remove sub-0123456789abcdef',
      'subscription remove sub-0123456789abcdef --as admin@example.com',
      'subscription remove sub-0123456789abcdef --json',
    ],
    run: async ({ client, output }, [id]) => {
      await client.delete(addressOf(id!));
      output.document({ id, state: 'removed' });
      output.line(`  ${output.tick} ${oneLine(id!)} is removed`);
      return EXIT.done;
    },
  });
}

function rotateVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'rotate ID', {
    summary: 'Makes a new secret and prints it, once; the old one signs beside it for 24 hours',
    examples: [
      'subscription rotate sub-0123456789abcdef',
      'subscription rotate sub-0123456789abcdef --as admin@example.com',
      'subscription rotate sub-0123456789abcdef --json',
    ],
    run: async ({ client, output }, [id]) => {
      const { body: rotated } = await client.post<SubscriptionView>(addressOf(id!, 'rotate'), {});
      output.document(rotated);
      showSecret(rotated, output);
      return EXIT.done;
    },
  });
}

function enableVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'enable ID', {
    summary: 'Sends again to a receiver that was switched off, beginning with a ping',
    examples: [
      'subscription enable sub-0123456789abcdef',
      'subscription enable sub-0123456789abcdef --as admin@example.com',
      'subscription enable sub-0123456789abcdef --json',
    ],
    run: async ({ client, output }, [id]) => {
      const { body: enabled } = await client.post<SubscriptionView>(addressOf(id!, 'enable'), {});
      output.document(enabled);
      output.line(`  ${output.tick} ${line(enabled, output)}`);
      return EXIT.done;
    },
  });
}

function deliveriesVerb(context: VerbContext): Command {
  return verb<SharedOptions & { limit?: number }>(context, 'deliveries ID', {
    summary: 'Shows what was sent lately, newest first, with every attempt',
    examples: [
      'subscription deliveries sub-0123456789abcdef',
      'subscription deliveries sub-0123456789abcdef --limit 100',
      'subscription deliveries sub-0123456789abcdef --json',
    ],
    run: async ({ client, output }, [id], { limit = 25 }) => {
      const { items } = await client.get<{ items: DeliveryView[] }>(addressOf(id!, 'deliveries'), { limit: String(limit) });
      output.document({ items });
      for (const delivery of items) showDelivery(delivery, output);
      if (items.length === 0) output.line('Nothing has been sent yet');
      return EXIT.done;
    },
  }).addOption(new Option('--limit <N>', 'how many (default: 25)').argParser(upToHundred));
}

function upToHundred(value: string): number {
  if (!/^\d{1,3}$/.test(value) || Number(value) < 1 || Number(value) > 100) throw new InvalidArgumentError('Give 1 to 100.');
  return Number(value);
}

function redeliverVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'redeliver ID [DELIVERY]', {
    summary: 'Sends a delivery again, or those that were given up',
    examples: [
      'subscription redeliver sub-0123456789abcdef',
      'subscription redeliver sub-0123456789abcdef dl-20261128T120000000Z-PR-2026-0001-x',
      'subscription redeliver sub-0123456789abcdef --json',
    ],
    run: async ({ client, output }, [id, deliveryId]) => {
      const body = deliveryId === undefined ? {} : { deliveryId };
      const { body: begun } = await client.post<{ items: { id: string }[] }>(addressOf(id!, 'redeliver'), body);
      output.document(begun);
      for (const delivery of begun.items) output.line(`  ${output.tick} ${oneLine(delivery.id)} is sent again`);
      if (begun.items.length === 0) output.line('Nothing was given up');
      return EXIT.done;
    },
  });
}

function addressOf(id: string, action?: string): string {
  return `/v1/subscriptions/${encodeURIComponent(id)}${action === undefined ? '' : `/${action}`}`;
}

function showSecret({ secret }: SubscriptionView, output: Output): void {
  output.talk('  The secret is shown this once. Give it to who receives, and keep it where secrets are kept.');
  output.line(SECRET.test(secret ?? '') ? secret! : '');
}

function line({ id, url, events, environments, artifacts, severity, state, disabledBecause }: SubscriptionView, output: Output): string {
  const where = [environments, artifacts].flatMap((names) => (names ? [`in ${names.map(oneLine).join(', ')}`] : []));
  const least = severity === null ? [] : [`from ${oneLine(severity)} on`];
  const off = state === 'disabled' ? [output.paint('bad', `switched off: ${oneLine(disabledBecause ?? '')}`)] : [];
  return [oneLine(id), oneLine(url), events.map(oneLine).join(', '), ...where, ...least, ...off].join('  ');
}

function showDelivery({ id, type, status, createdAt, nextAt, attempts }: DeliveryView, output: Output): void {
  const mark = status === 'delivered' ? output.tick : status === 'failed' ? output.cross : '…';
  const next = nextAt === null ? '' : `, next try ${shownTime(nextAt)}`;
  output.line(`${mark} ${shownTime(createdAt)}  ${oneLine(type)}  ${oneLine(status)}${next}  ${output.paint('dim', oneLine(id))}`);
  for (const { at, milliseconds, status: answer, error } of attempts)
    output.line(`    ${shownTime(at)}  ${answer ?? oneLine(error ?? '')}  ${milliseconds} ms`);
}
