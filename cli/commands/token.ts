/** `greenlight token`: API tokens for programs, and `token --as NAME`, a token of somebody at the issuer of a local cloud. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { API_TOKEN, LIFETIME_DAYS } from '../../core/access/api-token.ts';
import { ROBOT_VERBS } from '../../core/access/verb.ts';
import { everyPage } from '../every-page.ts';
import { EXIT, usageFailure } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { type Output, oneLine } from '../output.ts';
import type { SharedOptions } from '../session.ts';
import { shownTime } from '../show-request.ts';
import { TOKEN_LIFETIME_SECONDS } from '../sign-in.ts';
import { type VerbContext, verb } from '../verb.ts';

interface TokenView {
  id: string;
  name: string;
  prefix?: string;
  owner?: string | null;
  scope: { verbs: string[]; tenants: string[] | null; environments: string[] | null };
  createdAt?: string;
  expiresAt: string;
}

export function tokenVerb(context: VerbContext): Command {
  const command = verb(context, 'token', {
    summary: 'Makes, lists and revokes API tokens; with --as prints a token of somebody at the issuer of a local cloud',
    examples: ['token --as dev@example.com', 'token create nightly --days 30', 'token list'],
    run: async (session, _operands, { as }) => {
      if (as === undefined) throw usageFailure('token needs --as NAME, or one of create, list and revoke', 'greenlight token --help');
      const token = await session.tokenOf(as);
      session.output.document({ token, person: as, expiresIn: TOKEN_LIFETIME_SECONDS });
      session.output.line(token);
      return EXIT.done;
    },
  });
  return command.addCommand(createVerb(context)).addCommand(listVerb(context)).addCommand(revokeVerb(context));
}

interface CreateOptions extends SharedOptions {
  days?: number;
  verb?: string[];
  tenant?: string[];
  environment?: string[];
}

function createVerb(context: VerbContext): Command {
  const each = (flags: string, description: string) =>
    new Option(flags, description).argParser((value: string, before: string[] = []) => [...before, notEmpty(value)]);
  return verb<CreateOptions>(context, 'create NAME', {
    summary: 'Makes an API token of mine and prints it, once',
    examples: [
      'token create nightly',
      'token create deploy --days 30 --verb read --verb request --environment staging',
      'token create ci --tenant tenant-finance --json',
    ],
    run: async ({ client, output }, [name], { days, verb: verbs, tenant: tenants, environment: environments }) => {
      const { body: made } = await client.post<TokenView & { token: string | null }>('/v1/tokens', {
        name,
        ...(days === undefined ? {} : { expiresInDays: days }),
        ...(verbs === undefined ? {} : { verbs }),
        ...(tenants === undefined ? {} : { tenants }),
        ...(environments === undefined ? {} : { environments }),
      });
      output.document(made);
      output.talk(`  ${oneLine(made.name)} (${oneLine(made.id)}), until ${shownTime(made.expiresAt)}: ${scopeOf(made)}`);
      output.talk('  It is shown this once. Keep it where secrets are kept.');
      // Nothing but a token is printed as one, whatever a server answers.
      output.line(API_TOKEN.test(made.token ?? '') ? made.token! : '');
      return EXIT.done;
    },
  })
    .addOption(new Option('--days <N>', `life in days (default: ${LIFETIME_DAYS.usual})`).argParser(wholeDays))
    .addOption(each('--verb <VERB>', `what it may do; may be repeated (default: all that I may): ${ROBOT_VERBS.join(', ')}`))
    .addOption(each('--tenant <TENANT>', 'where; may be repeated (default: all of mine)'))
    .addOption(each('--environment <ENV>', 'where; may be repeated (default: all of mine)'));
}

function wholeDays(value: string): number {
  const { least, most } = LIFETIME_DAYS;
  if (!/^\d{1,3}$/.test(value) || Number(value) < least || Number(value) > most)
    throw new InvalidArgumentError(`Give ${least} to ${most} days.`);
  return Number(value);
}

function listVerb(context: VerbContext): Command {
  return verb<SharedOptions & { owner?: string }>(context, 'list', {
    summary: 'Lists my live API tokens, without their values',
    examples: ['token list', 'token list --owner dev@example.com --as admin@example.com', 'token list --json'],
    run: async ({ client, output }, _operands, { owner }) => {
      const items = await everyPage<TokenView>(client, '/v1/tokens', { owner });
      output.document({ items });
      for (const token of items) output.line(line(token, output));
      if (items.length === 0) output.line('There are no tokens');
      return EXIT.done;
    },
  }).addOption(new Option('--owner <ADDRESS>', 'of somebody else, for administrators').argParser(notEmpty));
}

function revokeVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'revoke ID', {
    summary: 'Revokes an API token at once',
    examples: [
      'token revoke at-0123456789abcdef',
      'token revoke at-0123456789abcdef --as dev@example.com',
      'token revoke at-0123456789abcdef --json',
    ],
    run: async ({ client, output }, [id]) => {
      if (id!.startsWith('glt_')) throw usageFailure('a token is revoked by its id', 'greenlight token list shows the ids');
      await client.delete(`/v1/tokens/${encodeURIComponent(id!)}`);
      output.document({ id, status: 'revoked' });
      output.line(`  ${output.tick} ${oneLine(id!)} is revoked`);
      return EXIT.done;
    },
  });
}

function line(token: TokenView, output: Output): string {
  const { id, name, prefix = '', expiresAt } = token;
  return `${oneLine(id)}  ${oneLine(name)}  ${output.paint('dim', `${oneLine(prefix)}…`)}  until ${shownTime(expiresAt)}  ${scopeOf(token)}`;
}

function scopeOf({ scope: { verbs, tenants, environments } }: TokenView): string {
  const where = [tenants ?? ['all tenants'], environments ?? ['all environments']].map((names) => names.map(oneLine).join(', '));
  return `${verbs.map(oneLine).join(', ')} in ${where.join(', ')}`;
}
