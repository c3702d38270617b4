/** `greenlight token` and `greenlight login`: how this program gets a person's token. */
import { type Command, Option } from 'commander';
import { EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { TOKEN_LIFETIME_SECONDS } from '../sign-in.ts';
import { type VerbContext, verb } from '../verb.ts';

export function tokenVerb(context: VerbContext): Command {
  const command = verb<{ as: string; data?: string }>(context, 'token', {
    summary: 'Prints a token of somebody at the issuer of a local cloud',
    examples: ['token --as dev@example.com', 'token --as lead@example.com --data .greenlight', 'token --as cpi@example.com --json'],
    local: true,
    run: async (session, _operands, { as }) => {
      const token = await session.tokenOf(as);
      session.output.document({ token, person: as, expiresIn: TOKEN_LIFETIME_SECONDS });
      session.output.line(token);
      return EXIT.done;
    },
  });
  return command
    .addOption(new Option('--as <NAME>', 'full address, e.g. dev@example.com').argParser(notEmpty).makeOptionMandatory())
    .addOption(new Option('--data <DIR>', 'data folder of the local cloud (default: ./.greenlight)').argParser(notEmpty));
}

const LOGIN = `This program signs in by a token:
  GREENLIGHT_API    address of the API, e.g. https://greenlight.example.com
  GREENLIGHT_TOKEN  an access token of your OIDC issuer, e.g. from your CI system
With a local cloud (npm start), name a person instead:
  greenlight status --as dev@example.com
  export GREENLIGHT_TOKEN=$(greenlight token --as dev@example.com)
In the browser, sign in at <GREENLIGHT_API>/v1/login.`;

export function loginVerb(context: VerbContext): Command {
  return verb(context, 'login', {
    summary: 'Says how to sign in',
    examples: ['login', 'login --json', 'token --as dev@example.com'],
    local: true,
    run: async ({ output }) => {
      output.document({ message: LOGIN });
      output.line(LOGIN);
      return EXIT.done;
    },
  });
}
