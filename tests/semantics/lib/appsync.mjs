// The official API: the served schema executed with the official pipelines over DynamoDB, answering
// as AppSync does.
import { createRequire } from 'node:module';
import { DEFAULTS, directiveCheck } from './directives.mjs';
import { carryOut, createTables, DynamoError } from './dynamo.mjs';
import { makeUtil, ResolverError } from './util.mjs';
import { render, toJava, toPlain } from './velocity.mjs';

const require = createRequire(import.meta.url);
const { buildASTSchema, graphql, isObjectType, parse, visit } = require('graphql');

// The service's own directives say nothing to the executor.
export function executable(sdl) {
    const scalars = ['Date', 'Time', 'DateTime', 'Timestamp', 'Email', 'JSON', 'Phone', 'URL', 'IPAddress'].map((name) => `scalar AWS${name}`);
    const document = visit(parse(`${sdl}\n${scalars.join('\n')}`), { Directive: () => null });
    return buildASTSchema(document, { assumeValidSDL: true });
}

function parseRequest(text) {
    try {
        return JSON.parse(text);
    } catch {
        return text.trim() === '' ? {} : JSON.parse(text);
    }
}

// What #return gives: a value, or the JSON text of one.
const asValue = (returned) => (typeof returned === 'string' ? toJava(JSON.parse(returned)) : returned);

// A caller with an API key has no identity.
const API_KEY = { authType: DEFAULTS.apiKey, identity: null };

// One resolver at work for a caller.
class Pipeline {
    constructor(dynamo, resolver, field, caller) {
        Object.assign(this, { dynamo, resolver, ...field, authType: caller.authType, identity: caller.identity });
    }

    render(template, ctx) {
        const ctxMap = new Map(Object.entries(ctx));
        const util = makeUtil(this);
        const extensions = { setSubscriptionFilter: (filter) => ((this.subscriptionFilter = toPlain(filter)), '') };
        return render(template, { ctx: ctxMap, context: ctxMap, util, extensions });
    }

    async data({ table, isFunction }, request, ctx) {
        if (isFunction) { // the tests' functions give what they are asked to
            ctx.result = toJava(request.payload.arguments.give ?? null);
            return;
        }
        if (table === undefined) {
            ctx.result = toJava(request.payload ?? null);
            return;
        }
        try {
            ctx.result = toJava(await carryOut(this.dynamo, table, request));
        } catch (e) {
            if (!(e instanceof DynamoError)) {
                throw e;
            }
            // The SDK knows few errors by name; the rest share one.
            const known = e.code === 'ConditionalCheckFailedException';
            const message = `${e.message} (Service: DynamoDb, Status Code: 400, Request ID: NONE)`;
            ctx.result = undefined;
            ctx.error = new Map(Object.entries({ message, type: `DynamoDB:${known ? e.code : 'DynamoDbException'}` }));
        }
    }

    async step(step, ctx) {
        delete ctx.error;
        const { text, returned } = this.render(step.request, ctx);
        if (returned !== undefined) {
            ctx.prev = new Map([['result', asValue(returned)]]);
            return;
        }
        await this.data(step, parseRequest(text), ctx);
        ctx.prev = new Map([['result', this.response(step.response, ctx)]]);
    }

    response(template, ctx) {
        const { text, returned } = this.render(template, ctx);
        if (returned !== undefined) {
            return asValue(returned);
        }
        return text.trim() === '' ? null : toJava(JSON.parse(text));
    }

    async run(source, args) {
        const given = toJava(args);
        const ctx = { args: given, arguments: given, stash: new Map(), source: toJava(source), identity: toJava(this.identity), prev: new Map() };
        this.render(this.resolver.before, ctx);
        for (const step of this.resolver.functions) {
            await this.step(step, ctx);
        }
        delete ctx.error;
        return toPlain(this.response(this.resolver.after, ctx));
    }
}

const plainArgs = (args) => JSON.parse(JSON.stringify(args));

const ROOTS = ['Query', 'Mutation', 'Subscription'];

// Asked before any resolver: what an authoriser denies, the field's directives, and the policies of the caller's role. Those
// name the operations; they leave out types that guests do read, as the connections of lists.
function gate(sdl, defaultMode, policies) {
    const admits = directiveCheck(sdl, DEFAULTS[defaultMode]);
    return ({ typeName, fieldName }, caller) => {
        const permitted = !ROOTS.includes(typeName) || (policies[caller.role]?.has(`${typeName}/${fieldName}`) ?? true);
        const denied = caller.denied?.includes(`${typeName}.${fieldName}`) ?? false;
        if (denied || !permitted || !admits(typeName, fieldName, caller)) {
            makeUtil({ typeName, fieldName }).unauthorized();
        }
    };
}

// The field's own resolver, or what its object holds, for those who are admitted.
function guarded(dynamo, resolver, field, enter) {
    return (source, args, caller) => {
        enter(field, caller);
        if (resolver === undefined) {
            return source?.[field.fieldName];
        }
        return new Pipeline(dynamo, resolver, field, caller).run(source ?? null, plainArgs(args));
    };
}

function attach(schema, dynamo, resolvers, enter) {
    for (const type of Object.values(schema.getTypeMap())) {
        if (isObjectType(type) && !type.name.startsWith('__')) {
            for (const [fieldName, field] of Object.entries(type.getFields())) {
                field.resolve = guarded(dynamo, resolvers[`${type.name}.${fieldName}`], { typeName: type.name, fieldName }, enter);
            }
        }
    }
    const json = schema.getType('AWSJSON');
    Object.assign(json, { parseValue: (text) => JSON.parse(text), parseLiteral: (node) => JSON.parse(node.value), serialize: (value) => JSON.stringify(value) });
}

const spell = (path) => path.map((step) => (typeof step === 'number' ? `[${step}]` : `/${step}`)).join('');

// graphql-js says less about a null than graphql-java does.
function asAppSync(schema, error) {
    const origin = error.originalError;
    if (origin instanceof ResolverError) {
        return { path: error.path, data: null, errorType: origin.errorType ?? null, errorInfo: null, message: error.message };
    }
    const [, parent, name] = /^Cannot return null for non-nullable field (\w+)\.(\w+)\.$/.exec(error.message) ?? [];
    if (parent === undefined) {
        throw origin ?? error;
    }
    const type = String(schema.getType(parent).getFields()[name].type).replace(/!$/, '');
    const message = `Cannot return null for non-nullable type: '${type}' within parent '${parent}' (${spell(error.path)})`;
    return { path: error.path, locations: null, message };
}

// The before templates name what only a deployment knows.
function deployedAs({ before, ...rest }, names) {
    const known = (text, [name, value]) => text.replace(new RegExp(`put\\("${name}", "[^"]*"\\)`), `put("${name}", "${value}")`);
    return { ...rest, before: Object.entries(names).reduce(known, before) };
}

/**
 * An API of its own, with empty tables. `names`: its {authRole, unauthRole, identityPoolId}.
 * run(query, variables, caller): a caller is {authType, identity, role: of an identity pool}; one with
 * an API key when not given.
 * subscribe(field, args, caller): {filter} of a started subscription, or {refused}.
 */
export async function startOfficial(dynamo, { schema: sdl, resolvers: templates, tables, policies = {} }, { names = {}, defaultMode = 'apiKey' } = {}) {
    const schema = executable(sdl);
    const resolvers = Object.fromEntries(Object.entries(templates).map(([name, resolver]) => [name, deployedAs(resolver, names)]));
    const enter = gate(sdl, defaultMode, policies);
    await createTables(dynamo, tables);
    attach(schema, dynamo, resolvers, enter);
    return {
        async run(query, variables, caller = API_KEY) {
            const { data, errors } = await graphql({ schema, source: query, variableValues: variables, contextValue: caller });
            if (errors !== undefined && data === undefined) {
                throw new Error(`the oracle refuses ${query}: ${errors[0].message}`);
            }
            const plain = JSON.parse(JSON.stringify(data));
            return errors === undefined ? { data: plain } : { data: plain, errors: errors.map((error) => asAppSync(schema, error)) };
        },
        async subscribe(fieldName, args, caller = API_KEY) {
            const field = { typeName: 'Subscription', fieldName };
            try {
                enter(field, caller);
                const pipeline = new Pipeline(dynamo, resolvers[`Subscription.${fieldName}`], field, caller);
                await pipeline.run(null, plainArgs(args));
                return { filter: pipeline.subscriptionFilter };
            } catch (e) {
                if (!(e instanceof ResolverError)) {
                    throw e;
                }
                return { refused: { errorType: e.errorType, message: e.message } };
            }
        },
    };
}
