// The resolvers that the official construct generates for a schema: each a pipeline of Velocity
// templates, with the data source of every step, and the tables behind them.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { officialApi, schemaOf } from '../../oracle/lib/official.mjs';

const require = createRequire(new URL('../../oracle/package.json', import.meta.url));
const { Stack } = require('aws-cdk-lib');

const resolved = (construct, value) => (value === undefined ? undefined : Stack.of(construct).resolve(value));

// Templates are files that a deployment uploads; their locations name them by hash.
function assets(api) {
    const files = new Map();
    for (const construct of api.node.findAll()) {
        if (construct.assetPath !== undefined && construct.assetHash !== undefined) {
            files.set(construct.assetHash, construct.assetPath);
        }
    }
    return files;
}

function template(files, construct, inline, location) {
    if (typeof inline === 'string') {
        return inline.replaceAll(/\$\{Token\[.*?\]\}/g, 'known when deployed');
    }
    const [hash] = /[0-9a-f]{64}/.exec(JSON.stringify(resolved(construct, location)) ?? '') ?? [];
    if (hash === undefined) {
        throw new Error(`no template of ${construct.node.path}`);
    }
    return readFileSync(files.get(hash), 'utf8');
}

const templates = (files, construct) => ({
    request: template(files, construct, construct.requestMappingTemplate, construct.requestMappingTemplateS3Location),
    response: template(files, construct, construct.responseMappingTemplate, construct.responseMappingTemplateS3Location),
});

// {table} or {isFunction} whose data source a step uses; nothing of one that has none (NONE_DS).
function sourceOf(cfn, step) {
    const name = JSON.stringify(resolved(step, step.dataSourceName));
    for (const source of Object.values(cfn.cfnDataSources)) {
        if (name.includes(`"${resolved(source, source.logicalId)}"`)) {
            if (source.type === 'AMAZON_DYNAMODB') {
                return { table: source.name.replace(/Table$/, '') };
            }
            if (source.type === 'AWS_LAMBDA') {
                return { isFunction: true };
            }
        }
    }
    if (!name.includes('NONEDS')) {
        throw new Error(`unknown data source ${name} of ${step.node.path}`);
    }
    return {};
}

function stepOf(cfn, steps, reference) {
    const text = JSON.stringify(reference);
    const id = [...steps.keys()].find((each) => text.toLowerCase().includes(each.toLowerCase()));
    if (id === undefined) {
        throw new Error(`no function for ${text}`);
    }
    return steps.get(id);
}

const upper = (text) => text[0].toUpperCase() + text.slice(1);
const keySchema = (keys) => keys.map(({ attributeName, keyType }) => ({ AttributeName: attributeName, KeyType: keyType }));

function indexes(list = []) {
    const found = list.map(({ indexName, keySchema: keys, projection }) => ({
        IndexName: indexName,
        KeySchema: keySchema(keys),
        Projection: Object.fromEntries(Object.entries(projection).map(([name, value]) => [upper(name), value])),
    }));
    return found.length === 0 ? {} : { GlobalSecondaryIndexes: found };
}

// The tables as DynamoDB's CreateTable takes them, named as the models.
function tables(api) {
    const found = [];
    for (const construct of api.node.findAll()) {
        if (construct.cfnResourceType === 'Custom::AmplifyDynamoDBTable') {
            const [[id, { Properties: table }]] = Object.entries(resolved(construct, construct._toCloudFormation()).Resources);
            found.push({
                TableName: id.replace(/Table$/, ''),
                BillingMode: 'PAY_PER_REQUEST',
                AttributeDefinitions: table.attributeDefinitions.map((each) => ({ AttributeName: each.attributeName, AttributeType: each.attributeType })),
                KeySchema: keySchema(table.keySchema),
                ...indexes(table.globalSecondaryIndexes),
            });
        }
    }
    return found;
}

// What the policies of roles admit: role -> set of "Type/field", "Type/*". Only the identity pool's two
// have any.
function policies(api) {
    const found = { authRole: new Set(), unauthRole: new Set(), groupRole: new Set(), none: new Set() };
    for (const construct of api.node.findAll()) {
        const [, kind] = /^(Auth|Unauth)RolePolicy\d+$/.exec(construct.node.id) ?? [];
        if (kind !== undefined) {
            const [{ Properties: policy }] = Object.values(resolved(construct, construct.node.defaultChild._toCloudFormation()).Resources);
            for (const { Resource } of resolved(construct, policy.PolicyDocument).Statement) {
                for (const { 'Fn::Sub': [, { typeName, fieldName }] } of [Resource].flat()) {
                    found[kind === 'Auth' ? 'authRole' : 'unauthRole'].add(`${typeName}/${fieldName ?? '*'}`);
                }
            }
        }
    }
    return found;
}

// {schema: the served SDL, resolvers: "Type.field" -> {before, steps, after}, tables, policies}
export function officialPipelines(sdl, modes) {
    const api = officialApi(sdl, modes);
    const cfn = api.resources.cfnResources;
    const files = assets(api);
    const steps = new Map();
    for (const step of Object.values(cfn.cfnFunctionConfigurations)) {
        steps.set(resolved(step, step.logicalId), step);
    }
    const resolvers = {};
    for (const resolver of Object.values(cfn.cfnResolvers)) {
        const functions = resolved(resolver, resolver.pipelineConfig).functions.map((reference) => {
            const step = stepOf(cfn, steps, reference);
            return { name: step.name, ...sourceOf(cfn, step), ...templates(files, step) };
        });
        const { request: before, response: after } = templates(files, resolver);
        resolvers[`${resolver.typeName}.${resolver.fieldName}`] = { before, functions, after };
    }
    return { schema: schemaOf(api), resolvers, tables: tables(api), policies: policies(api) };
}
