// What the examples use of @aws-amplify/backend, for their type check. The schema's types are the
// official ones; the definitions take anything here, since evaluating them tells what is wrong.
export { type ClientSchema, a } from '@aws-amplify/data-schema';

type Allow = { to: (actions: string[]) => unknown };

export function defineBackend(resources: object): unknown;
export function defineData(props: { schema: object; authorizationModes?: object }): unknown;
export function defineAuth(props: { access?: (allow: { resource: (resource: unknown) => Allow }) => unknown[] } & Record<string, unknown>): unknown;
export function defineFunction(props?: object): any;
export function defineStorage(props: {
  name: string;
  access?: (allow: {
    guest: Allow;
    authenticated: Allow;
    entity: (name: 'identity') => Allow;
    groups: (names: string[]) => Allow;
    resource: (resource: unknown) => Allow;
  }) => Record<string, unknown[]>;
  triggers?: object;
}): unknown;
export function secret(name: string): unknown;
