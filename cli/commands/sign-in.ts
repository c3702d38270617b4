/** `greenlight login`: how this program gets a token. */
import type { Command } from 'commander';
import { EXIT } from '../failure.ts';
import { type VerbContext, verb } from '../verb.ts';

const LOGIN = `This program signs in by a token:
  GREENLIGHT_API    address of the API, e.g. https://greenlight.example.com
  GREENLIGHT_TOKEN  an access token of your OIDC issuer, the ID token of a CI job, or an API token (greenlight token create)
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
