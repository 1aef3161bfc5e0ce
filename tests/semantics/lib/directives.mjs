// What AppSync itself asks before any resolver: whether a field may be asked in the caller's way of
// authenticating. A field's directives count, else its type's, else the API's default mode.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { parse } = require('graphql');

const MODES = {
    aws_api_key: 'API Key Authorization',
    aws_iam: 'IAM Authorization',
    aws_cognito_user_pools: 'User Pool Authorization',
    aws_oidc: 'Open ID Connect Authorization',
    aws_lambda: 'Lambda Authorization',
};

export const DEFAULTS = { apiKey: MODES.aws_api_key, userPool: MODES.aws_cognito_user_pools, iam: MODES.aws_iam, oidc: MODES.aws_oidc, lambda: MODES.aws_lambda };

// [{mode, groups: those of the user pool who alone are let in}].
function modesOf(node) {
    const known = (node.directives ?? []).filter(({ name }) => MODES[name.value] !== undefined);
    return known.map((directive) => ({
        mode: MODES[directive.name.value],
        groups: directive.arguments.find(({ name }) => name.value === 'cognito_groups')?.value.values.map(({ value }) => value),
    }));
}

// allowed(typeName, fieldName, caller)
export function directiveCheck(sdl, defaultMode) {
    const types = new Map();
    for (const definition of parse(sdl).definitions) {
        if (definition.kind === 'ObjectTypeDefinition' || definition.kind === 'ObjectTypeExtension') {
            const known = types.get(definition.name.value) ?? { modes: [], fields: new Map() };
            known.modes.push(...modesOf(definition));
            for (const field of definition.fields ?? []) {
                known.fields.set(field.name.value, modesOf(field));
            }
            types.set(definition.name.value, known);
        }
    }
    return (typeName, fieldName, { authType, identity }) => {
        const type = types.get(typeName);
        const own = type.fields.get(fieldName) ?? [];
        const modes = own.length > 0 ? own : type.modes.length > 0 ? type.modes : [{ mode: defaultMode }];
        return modes.some(({ mode, groups }) => mode === authType && (groups === undefined || groups.some((group) => identity.groups?.includes(group))));
    };
}
