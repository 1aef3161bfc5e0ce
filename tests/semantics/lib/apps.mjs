// Documents for any schema: values by the fields' types and by what the rules say of them.
import { createRequire } from 'node:module';
import { Documents, ownerForms } from './ruled.mjs';

const require = createRequire(new URL('./ruled.mjs', import.meta.url));
const { getNamedType, getNullableType, isEnumType, isInputObjectType, isListType, isObjectType, parse, print, visit } = require('graphql');

const ROOTS = ['Query', 'Mutation', 'Subscription'];
const gives = ({ name }) => name.value === 'give';

/** The SDL without custom operations, except those that say what their function is to give. */
export function served(sdl) {
    const kept = visit(parse(sdl), {
        ObjectTypeDefinition(node) {
            const fields = ROOTS.includes(node.name.value) ? node.fields.filter((field) => field.arguments.some(gives)) : node.fields;
            return fields.length === 0 ? null : { ...node, fields };
        },
    });
    return print(kept);
}

/** {owners, groups: names of fields that rules look at; claims: field -> claim that an owner is known by}. */
export function ruledFields(sdl) {
    const all = (pattern) => new Set([...sdl.matchAll(pattern)].map(([, name]) => name));
    return { owners: all(/ownerField: "(\w+)"/g), groups: all(/groupsField: "(\w+)"/g) };
}

// Few values of each type, so that items meet. Those of AWSEmail are users' addresses too.
const VALUES = {
    ID: ['i1', 'i2', 'i3'], String: ['a', 'b', 'ab'], Int: [1, 2, 3], Float: [1.5, 2, -3], Boolean: [true, false],
    AWSDate: ['2024-01-01', '2024-02-29'], AWSTime: ['10:00:00Z', '11:30:00Z'], AWSDateTime: ['2024-01-01T00:00:00Z', '2024-06-01T12:00:00Z'],
    AWSTimestamp: [1700000000, 1700000001], AWSEmail: ['ann@example.com', 'bob@example.com', 'odd@example.com'], AWSJSON: ['{"a":1}', '[1,2]'],
    AWSURL: ['https://a.example/x'], AWSPhone: ['+14155550132'], AWSIPAddress: ['127.0.0.1'],
};
const GROUPS = ['Red', 'Blue', 'Admin', 'null', '["Red","Blue"]', 'Blue-Red'];

// A value as the language has it.
function literal(value, type) {
    if (Array.isArray(value)) {
        return `[${value.map((each) => literal(each, type)).join(', ')}]`;
    }
    if (value !== null && typeof value === 'object') {
        return `{ ${Object.entries(value).map(([name, each]) => `${name}: ${literal(each, getNamedType(type.getFields()[name].type))}`).join(', ')} }`;
    }
    return isEnumType(type) ? value : JSON.stringify(value);
}

export class AppDocuments extends Documents {
    constructor(r, schema, callers, sdl) {
        super(r, schema, callers, sdl);
        const single = [...sdl.matchAll(/: (\w+) @hasOne\(references: \["(\w+)"\]\)/g)].map(([, child, reference]) => [child, reference]);
        Object.assign(this, ruledFields(sdl), { claimed: ownerForms(callers), only: Object.fromEntries(single) });
    }

    // Of several that could be the one of a hasOne, any may be shown: there is one for each parent.
    input(type, caller) {
        const found = super.input(type, caller);
        const [, verb, model] = /^(Create|Update)(\w+)Input$/.exec(type.name) ?? [];
        const reference = this.only[model];
        if (reference !== undefined && verb === 'Create') {
            found.id = found[reference] ?? 'i9';
        } else if (reference !== undefined) {
            delete found[reference];
        }
        return found;
    }

    owner(caller) {
        const claims = caller?.identity?.claims;
        const own = claims && this.claimed.filter((form) => form.includes(claims.sub) || form === claims.email);
        return own?.length > 0 && this.r.chance(0.6) ? this.r.pick(own) : this.r.pick(this.claimed);
    }

    scalar(name, type, caller) {
        const { r } = this;
        const named = getNamedType(type);
        if (isEnumType(named)) {
            return r.pick(named.getValues()).name;
        }
        if (isInputObjectType(named)) {
            return this.input(named, caller);
        }
        const text = ['String', 'ID'].includes(named.name);
        if (text && this.owners.has(name)) {
            return this.owner(caller);
        }
        return r.pick(text && this.groups.has(name) ? GROUPS : VALUES[named.name]);
    }

    value(name, type, caller) {
        const nullable = getNullableType(type);
        if (!isListType(nullable)) {
            return this.scalar(name, type, caller);
        }
        const mayBeNull = getNullableType(nullable.ofType) === nullable.ofType;
        return Array.from({ length: this.r.below(3) }, () => (mayBeNull && this.r.chance(0.1) ? null : this.scalar(name, type, caller)));
    }

    // What a function gives, by the type it has to be of; sometimes nothing, or without what is required.
    given(type, depth = 0) {
        const nullable = getNullableType(type);
        if (this.r.chance(nullable === type ? 0.15 : 0.03)) {
            return null;
        }
        if (isListType(nullable)) {
            return Array.from({ length: this.r.below(3) }, () => this.given(nullable.ofType, depth));
        }
        if (!isObjectType(nullable)) {
            return isEnumType(nullable) ? this.r.pick(nullable.getValues()).name : this.scalar('given', nullable);
        }
        const fields = Object.values(nullable.getFields()).filter((field) => field.args.length === 0 && (depth < 3 || !isObjectType(getNamedType(field.type))));
        return Object.fromEntries(fields.filter((field) => getNullableType(field.type) !== field.type || this.r.chance(0.7)).map((field) => {
            const text = getNamedType(field.type).name === 'String' && (this.owners.has(field.name) || this.groups.has(field.name));
            return [field.name, text ? this.value(field.name, field.type) : this.given(field.type, depth + 1)];
        }));
    }

    ask(kind, field, caller) {
        this.asked = field;
        return super.ask(kind, field, caller);
    }

    write(caller, verb) {
        const own = this.mutations.filter(({ args }) => args.some(({ name }) => name === 'give'));
        return verb === undefined && own.length > 0 && this.r.chance(0.25) ? this.ask('mutation', this.r.pick(own), caller) : super.write(caller, verb);
    }

    argument(arg, caller) {
        if (arg.name === 'give') {
            return JSON.stringify(this.given(this.asked.type));
        }
        const required = getNullableType(arg.type) !== arg.type;
        return required && isEnumType(getNamedType(arg.type)) ? this.value(arg.name, arg.type, caller) : super.argument(arg, caller);
    }

    // A filter names the operand's type, not the field's.
    filter(type, caller, depth = 0) {
        const all = type.getFields();
        if (depth < 2 && this.r.chance(0.25)) {
            const inner = () => this.filter(type, caller, depth + 1);
            return this.r.pick([() => ({ and: [inner(), inner()] }), () => ({ or: [inner(), inner()] }), () => ({ not: inner() })])();
        }
        const fields = Object.entries(all).filter(([, { type: of }]) => getNamedType(of).getFields?.().eq !== undefined);
        const [name, { type: of }] = this.r.pick(fields);
        const operators = getNamedType(of).getFields();
        const op = this.r.pick(['eq', 'ne', 'eq', 'contains', 'attributeExists', 'beginsWith', 'le', 'between'].filter((each) => operators[each]));
        const value = () => this.scalar(name, operators[op].type, caller);
        return { [name]: { [op]: op === 'between' ? [value(), value()].sort((a, b) => (a < b ? -1 : 1)) : value() } };
    }

    // Arguments of a relation with many, written out.
    nested(field, caller) {
        const given = {};
        for (const arg of field.args.filter(({ name }) => ['filter', 'sortDirection'].includes(name) || /Condition/.test(name))) {
            if (this.r.chance(0.3)) {
                given[arg.name] = arg.name === 'filter' ? this.filter(getNamedType(arg.type), caller) : arg.name === 'sortDirection' ? this.r.pick(['ASC', 'DESC']) : undefined;
            }
        }
        const parts = Object.entries(given).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${literal(value, getNamedType(field.args.find((arg) => arg.name === name).type))}`);
        return parts.length === 0 ? '' : `(${parts.join(', ')})`;
    }

    selection(type, depth = 0) {
        const fields = [];
        for (const field of Object.values(type.getFields())) {
            const named = getNamedType(field.type);
            const { name } = field;
            if (!isObjectType(named)) {
                fields.push(name);
            } else if (name === 'items') {
                fields.push(`items { ${this.selection(named, depth)} }`);
            } else if (depth < 3 && this.r.chance(depth === 0 ? 0.6 : 0.4)) {
                fields.push(`${name}${this.nested(field)} { ${this.selection(named, depth + 1)} }`);
            }
        }
        const some = fields.filter(() => this.r.chance(0.7));
        return (this.r.chance(0.6) && fields.length > 0) || some.length === 0 ? (fields.length > 0 ? fields.join(' ') : '__typename') : some.join(' ');
    }

    eventFilter(type, caller) {
        const fields = Object.entries(type.getFields()).filter(([, { type: of }]) => /^Model(Subscription)?(ID|String|Int|Float|Boolean)Input$/.test(getNamedType(of).name));
        const [name, { type: of }] = this.r.pick(fields);
        const operators = getNamedType(of).getFields();
        const op = this.r.pick(['eq', 'ne', 'eq', 'beginsWith', 'in'].filter((each) => operators[each]));
        return { [name]: { [op]: this.value(name, operators[op].type, caller) } };
    }

    condition(name, type, caller) {
        const fields = type.getFields();
        const op = this.r.pick(['eq', 'eq', 'beginsWith', 'ge'].filter((each) => fields[each]));
        const operand = getNamedType(fields[op].type);
        if (!isInputObjectType(operand)) {
            return { [op]: this.scalar(name, operand, caller) };
        }
        const parts = Object.values(operand.getFields());
        const some = parts.slice(0, this.r.chance(0.6) ? parts.length : 1);
        return { [op]: Object.fromEntries(some.map((part) => [part.name, this.scalar(part.name, part.type, caller)])) };
    }
}

/** Documents by which someone who may read everything sees what is stored, in every form of an owner. */
export function everythingOf(schema, forms, { owners }) {
    const found = [];
    for (const { name, type, args } of Object.values(schema.getQueryType().getFields())) {
        const items = getNamedType(type).getFields?.().items;
        if (items === undefined || args.some((arg) => getNullableType(arg.type) !== arg.type)) {
            continue;
        }
        const leaves = Object.values(getNamedType(items.type).getFields()).filter((field) => !isObjectType(getNamedType(field.type)));
        const names = leaves.map((leaf) => leaf.name);
        found.push([`{ ${name}(limit: 1000) { items { ${names.join(' ')} } } }`, {}]);
        const filters = getNamedType(args.find((arg) => arg.name === 'filter').type).getFields();
        for (const leaf of leaves.filter((each) => owners.has(each.name) && getNamedType(filters[each.name].type).name === 'ModelStringInput')) {
            const op = isListType(getNullableType(leaf.type)) ? 'contains' : 'eq';
            const parts = forms.map((form, i) => `f${i}: ${name}(limit: 1000, filter: { ${leaf.name}: { ${op}: ${JSON.stringify(form)} } }) { items { ${names[0]} } }`);
            found.push([`{ ${parts.join(' ')} }`, {}]);
        }
    }
    return found;
}
