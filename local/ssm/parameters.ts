/** The parameters of the local Parameter Store: one file, replaced durably with each change. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '../durable-file.ts';
import type { CloudContext } from '../service.ts';

interface Parameter {
  Name: string;
  Type: string;
  Value: string;
  Version: number;
  /** Virtual milliseconds. */
  modified: number;
  DataType: string;
  Description?: string;
  Tier: string;
  /** Type and value of the template when they were last applied: a value put by the API stays until the template says something else. */
  declared?: string;
}

/** Body of a request, or properties of a template: values of the caller. */
export type Input = Record<string, unknown>;

/** A refusal with SSM's error name. */
export class SsmError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const TYPES = ['String', 'StringList', 'SecureString'];
/** AWS: letters, digits, `.`, `-`, `_` and at most fifteen levels of `/`. */
const NAME = /^\/?[\w.-]+(\/[\w.-]+){0,14}$/;
/** Bytes of a value by tier. */
const LARGEST: Record<string, number> = { Standard: 4096, Advanced: 8192 };

export class Parameters {
  readonly #context: CloudContext;
  readonly #file: string;
  readonly #parameters: Map<string, Parameter>;

  constructor(context: CloudContext) {
    this.#context = context;
    mkdirSync(context.folder, { recursive: true, mode: 0o700 });
    this.#file = join(context.folder, 'parameters.json');
    this.#parameters = new Map(readParameters(this.#file).map((parameter) => [parameter.Name, parameter]));
  }

  arn(name: string): string {
    return `arn:aws:ssm:${this.#context.region}:${this.#context.account}:parameter/${name.replace(/^\//, '')}`;
  }

  /** What GetParameter answers. A parameter may be named by its ARN and by `name:version`. */
  shown(named: string, input: Input): unknown {
    const plain = this.#nameOf(named);
    const [, name = plain, version] = /^(.*?)(?::(\d+))?$/.exec(plain) ?? [];
    const parameter = this.#parameters.get(name);
    if (!parameter) throw new SsmError('ParameterNotFound', '');
    if (version !== undefined && Number(version) !== parameter.Version) {
      throw new SsmError('ParameterVersionNotFound', `Systems Manager could not find version ${version} of ${name}.`);
    }
    const { modified, declared: _, Description: __, Tier: ___, Value, ...rest } = parameter;
    const hidden = parameter.Type === 'SecureString' && input.WithDecryption !== true;
    // Without WithDecryption AWS sends the ciphertext; here there is none, only something that is not the value.
    const shownValue = hidden ? Buffer.from(`encrypted:${this.arn(name)}`).toString('base64') : Value;
    return { ...rest, Value: shownValue, LastModifiedDate: modified / 1000, ARN: this.arn(name) };
  }

  several(input: Input): unknown {
    const names = Array.isArray(input.Names) ? input.Names.map(String) : [];
    if (names.length < 1 || names.length > 10) throw invalid('Names must have between 1 and 10 members');
    const found: unknown[] = [];
    const missing: string[] = [];
    for (const name of names) {
      try {
        found.push(this.shown(name, input));
      } catch {
        missing.push(name);
      }
    }
    return { Parameters: found, InvalidParameters: missing };
  }

  below(input: Input): unknown {
    const path = String(input.Path ?? '');
    if (!path.startsWith('/')) throw invalid('The parameter path must begin with a slash');
    const prefix = path.endsWith('/') ? path : `${path}/`;
    const names = this.#names().filter(
      (name) => name.startsWith(prefix) && (input.Recursive === true || !name.slice(prefix.length).includes('/')),
    );
    return this.#page(names, input, 10, 'Parameters', (name) => this.shown(name, input));
  }

  describe(input: Input): unknown {
    const filters = (Array.isArray(input.ParameterFilters) ? input.ParameterFilters : []) as {
      Key?: string;
      Option?: string;
      Values?: string[];
    }[];
    const matches = (name: string) =>
      filters.every(({ Key, Option = 'Equals', Values = [] }) => {
        const value = Key === 'Type' ? this.#parameters.get(name)!.Type : Key === 'Name' ? name : undefined;
        if (value === undefined || !['Equals', 'BeginsWith', 'Contains'].includes(Option))
          throw invalid(`The filter ${Key} ${Option} is not supported`);
        return Values.some((wanted) =>
          Option === 'Equals' ? value === wanted : Option === 'BeginsWith' ? value.startsWith(wanted) : value.includes(wanted),
        );
      });
    return this.#page(this.#names().filter(matches), input, 50, 'Parameters', (name) => {
      const { modified, declared: _, Value: __, ...rest } = this.#parameters.get(name)!;
      return { ...rest, ARN: this.arn(name), LastModifiedDate: modified / 1000, Policies: [] };
    });
  }

  put(input: Input): unknown {
    const name = this.#nameOf(String(input.Name ?? ''));
    const known = this.#parameters.get(name);
    if (known && input.Overwrite !== true) {
      throw new SsmError(
        'ParameterAlreadyExists',
        'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
      );
    }
    return { Version: this.#save(name, input, known?.declared), Tier: this.#parameters.get(name)!.Tier };
  }

  delete(named: string): unknown {
    if (!this.#parameters.delete(this.#nameOf(named))) throw new SsmError('ParameterNotFound', '');
    this.#write();
    return {};
  }

  declare(name: string, properties: Input): void {
    const declared = JSON.stringify([properties.Type, properties.Value]);
    if (this.#parameters.get(name)?.declared !== declared) this.#save(name, properties, declared);
  }

  #save(name: string, input: Input, declared: string | undefined): number {
    const known = this.#parameters.get(name);
    const type = String(input.Type ?? known?.Type ?? '');
    const tier = input.Tier === 'Advanced' ? 'Advanced' : 'Standard';
    if (!NAME.test(name)) throw invalid(`Parameter name ${name} is not valid`);
    if (!TYPES.includes(type)) throw invalid('A parameter type is required when you create a parameter.');
    if (typeof input.Value !== 'string' || input.Value === '') throw invalid('Value must not be empty');
    if (Buffer.byteLength(input.Value) > LARGEST[tier]!) throw invalid(`Value is longer than ${LARGEST[tier]} bytes`);
    if (typeof input.AllowedPattern === 'string' && !new RegExp(input.AllowedPattern).test(input.Value)) {
      throw new SsmError('ParameterPatternMismatchException', `Value does not match ${input.AllowedPattern}`);
    }
    const description = input.Description ?? known?.Description;
    const version = (known?.Version ?? 0) + 1;
    this.#parameters.set(name, {
      Name: name,
      Type: type,
      Value: input.Value,
      Version: version,
      modified: this.#context.clock.now(),
      DataType: String(input.DataType ?? 'text'),
      Tier: tier,
      ...(description === undefined ? {} : { Description: String(description) }),
      ...(declared === undefined ? {} : { declared }),
    });
    this.#write();
    return version;
  }

  #nameOf(named: string): string {
    // Authorization saw this very ARN: one of another account or region must not lead here.
    const prefix = this.arn('');
    if (!named.startsWith(prefix)) return named;
    const arn = named.slice(prefix.length);
    // The ARN drops the leading slash, so both spellings may be meant.
    return this.#parameters.has(`/${arn}`) ? `/${arn}` : arn;
  }

  #names(): string[] {
    return [...this.#parameters.keys()].sort();
  }

  #page(names: string[], input: Input, most: number, member: string, show: (name: string) => unknown): unknown {
    const size = Math.min(most, Number(input.MaxResults ?? most));
    const rest =
      typeof input.NextToken === 'string'
        ? names.filter((name) => name > Buffer.from(String(input.NextToken), 'base64').toString())
        : names;
    const page = rest.slice(0, size);
    const more = rest.length > size ? { NextToken: Buffer.from(page.at(-1) ?? '').toString('base64') } : {};
    return { [member]: page.map(show), ...more };
  }

  #write(): void {
    writeFileDurably(this.#file, JSON.stringify([...this.#parameters.values()]));
  }
}

const invalid = (message: string): SsmError => new SsmError('ValidationException', message);

function readParameters(file: string): Parameter[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Parameter[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
