/** The order in which the resources of a template are made: each after everything that it refers to. */
import type { Template } from './assembly.ts';
import { TemplateError } from './template-error.ts';

/** Logical ids of `template`, dependencies first, otherwise in the order of the template. Throws `TemplateError` naming the circle. */
export function resourceOrder(stack: string, template: Template): string[] {
  const order: string[] = [];
  const done = new Set<string>();
  const visit = (id: string, path: readonly string[]): void => {
    if (done.has(id)) return;
    if (path.includes(id)) {
      const circle = [...path.slice(path.indexOf(id)), id].join(' -> ');
      throw new TemplateError(`the resources of stack ${stack} depend on each other in a circle: ${circle}`);
    }
    for (const dependency of dependencies(stack, id, template)) visit(dependency, [...path, id]);
    done.add(id);
    order.push(id);
  };
  for (const id of Object.keys(template.Resources)) visit(id, []);
  return order;
}

function dependencies(stack: string, id: string, template: Template): Set<string> {
  const resource = template.Resources[id]!;
  const found = new Set<string>();
  for (const name of [resource.DependsOn ?? []].flat()) {
    if (!template.Resources[name]) throw new TemplateError(`${id} of stack ${stack} depends on ${name}, which does not exist`);
    found.add(name);
  }
  collect(resource.Properties, (name) => {
    if (template.Resources[name]) found.add(name);
  });
  return found;
}

function collect(value: unknown, see: (name: string) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, see);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const keys = Object.keys(value);
  const argument = (value as Record<string, unknown>)[keys[0] ?? ''];
  if (keys.length === 1 && keys[0] === 'Ref' && typeof argument === 'string') see(argument);
  else if (keys.length === 1 && keys[0] === 'Fn::GetAtt')
    see(typeof argument === 'string' ? argument.split('.')[0]! : String((argument as unknown[])[0]));
  else if (keys.length === 1 && keys[0] === 'Fn::Sub') {
    const template = Array.isArray(argument) ? argument[0] : argument;
    for (const [, name] of String(template).matchAll(/\$\{([^!}][^}]*)\}/g)) see(name!.trim().split('.')[0]!);
    if (Array.isArray(argument)) collect(argument[1], see);
  } else for (const item of Object.values(value)) collect(item, see);
}
