// The official API: the served schema executed with the official pipelines over DynamoDB, answering
// as AppSync does.
import { createRequire } from 'node:module';
import { carryOut, createTables, DynamoError } from './dynamo.mjs';
import { makeUtil, ResolverError } from './util.mjs';
import { render, toJava, toPlain } from './velocity.mjs';

const require = createRequire(import.meta.url);
const { buildASTSchema, graphql, parse, visit } = require('graphql');

// The service's own directives say nothing to the executor.
function executable(sdl) {
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

class Pipeline {
    constructor(dynamo, resolver, typeName, fieldName) {
        Object.assign(this, { dynamo, resolver, typeName, fieldName });
    }

    render(template, ctx) {
        const ctxMap = new Map(Object.entries(ctx));
        const util = makeUtil(this);
        return render(template, { ctx: ctxMap, context: ctxMap, util });
    }

    async data(table, request, ctx) {
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
        await this.data(step.table, parseRequest(text), ctx);
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
        const ctx = { args: given, arguments: given, stash: new Map(), source: toJava(source), identity: null, prev: new Map() };
        this.render(this.resolver.before, ctx);
        for (const step of this.resolver.functions) {
            await this.step(step, ctx);
        }
        delete ctx.error;
        return toPlain(this.response(this.resolver.after, ctx));
    }
}

const plainArgs = (args) => JSON.parse(JSON.stringify(args));

function attach(schema, dynamo, resolvers) {
    for (const [name, resolver] of Object.entries(resolvers)) {
        const [typeName, fieldName] = name.split('.');
        const field = schema.getType(typeName)?.getFields()[fieldName];
        field.resolve = (source, args) => new Pipeline(dynamo, resolver, typeName, fieldName).run(source ?? null, plainArgs(args));
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

// {run(query, variables)}: an API of its own, with empty tables.
export async function startOfficial(dynamo, { schema: sdl, resolvers, tables }) {
    const schema = executable(sdl);
    await createTables(dynamo, tables);
    attach(schema, dynamo, resolvers);
    return {
        async run(query, variables) {
            const { data, errors } = await graphql({ schema, source: query, variableValues: variables });
            if (errors !== undefined && data === undefined) {
                throw new Error(`the oracle refuses ${query}: ${errors[0].message}`);
            }
            const plain = JSON.parse(JSON.stringify(data));
            return errors === undefined ? { data: plain } : { data: plain, errors: errors.map((error) => asAppSync(schema, error)) };
        },
    };
}
