/** Values of a stack's parameters: those given by the caller, then defaults, checked as CloudFormation checks them. */
import type { Template, TemplateParameter } from './assembly.ts';
import { TemplateError } from './template-error.ts';

/**
 * What `Ref` yields for each parameter: text, or a list for list types. A parameter read from Systems Manager (`AWS::SSM::Parameter::…`, as CDK's
 * bootstrap version) is left out unless it is given: only a `Ref` to it fails.
 */
export function parameterValues(stack: string, template: Template, given: Record<string, string>): Map<string, string | string[]> {
  const values = new Map<string, string | string[]>();
  for (const [name, parameter] of Object.entries(template.Parameters ?? {})) {
    const own = given[name];
    if (own === undefined && parameter.Type.startsWith('AWS::SSM::')) continue;
    const text = own ?? (parameter.Default === undefined ? undefined : String(parameter.Default));
    if (text === undefined) throw new TemplateError(`parameter ${name} of stack ${stack} has no value and no default`);
    check(stack, name, parameter, text);
    values.set(name, isList(parameter.Type) ? text.split(',').map((item) => item.trim()) : text);
  }
  return values;
}

function isList(type: string): boolean {
  return type === 'CommaDelimitedList' || type.startsWith('List<');
}

function check(stack: string, name: string, parameter: TemplateParameter, text: string): void {
  const refuse = (reason: string): never => {
    throw new TemplateError(`parameter ${name} of stack ${stack}: ${JSON.stringify(text)} ${reason}`);
  };
  const items = isList(parameter.Type) ? text.split(',').map((item) => item.trim()) : [text];
  for (const item of items) {
    if (parameter.Type.includes('Number') && !Number.isFinite(Number(item))) refuse('is not a number');
    if (parameter.AllowedValues && !parameter.AllowedValues.map(String).includes(item)) {
      refuse(`is not one of ${parameter.AllowedValues.join(', ')}`);
    }
  }
  if (parameter.AllowedPattern && !new RegExp(`^(?:${parameter.AllowedPattern})$`).test(text)) {
    refuse(`does not match ${parameter.AllowedPattern}`);
  }
  if (parameter.MinLength !== undefined && text.length < Number(parameter.MinLength)) refuse(`is shorter than ${parameter.MinLength}`);
  if (parameter.MaxLength !== undefined && text.length > Number(parameter.MaxLength)) refuse(`is longer than ${parameter.MaxLength}`);
}
