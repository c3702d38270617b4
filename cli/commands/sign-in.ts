/** `greenlight login`: how this program gets a token; `greenlight whoami`: whose it is. */
import type { Command } from 'commander';
import { EXIT } from '../failure.ts';
import { oneLine } from '../output.ts';
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

interface Me {
  email: string;
  kind: string;
  teams: string[];
  tenants: string[];
  environments: { name: string; roles: string[]; verbs: string[] }[];
}

export function whoamiVerb(context: VerbContext): Command {
  return verb(context, 'whoami', {
    summary: 'Says who I am here, and what I may do in which environment',
    examples: ['whoami', 'whoami --json', 'whoami --as dev@example.com'],
    run: async ({ client, output }) => {
      const me = await client.get<Me>('/v1/me');
      output.document(me);
      const list = (words: string[]) => (words.length === 0 ? 'none' : words.map(oneLine).join(', '));
      output.line(`${oneLine(me.email)} (${oneLine(me.kind)})`);
      output.line(`  Tenants: ${list(me.tenants)}`);
      output.line(`  Teams: ${list(me.teams)}`);
      for (const { name, roles, verbs } of me.environments) output.line(`  ${oneLine(name)}: ${list(verbs)} (roles: ${list(roles)})`);
      return EXIT.done;
    },
  });
}
