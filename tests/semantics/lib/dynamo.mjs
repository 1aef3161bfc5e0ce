// DynamoDB for the official resolvers: dynalite in this process, and AppSync's data source, which
// turns what a request template gives into DynamoDB's operations.
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import { unmarshalItem } from './expressions.mjs';

const require = createRequire(import.meta.url);
const dynalite = require('dynalite');

const AUTHORIZATION = 'AWS4-HMAC-SHA256 Credential=key/20240101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0';

const EMPTY_KEY = 'One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value.';

export class DynamoError extends Error {
    constructor(code, message) {
        super(message);
        this.code = code;
    }
}

export async function startDynamo() {
    const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
    const agent = new http.Agent({ keepAlive: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');

    async function send(operation, body) {
        const request = http.request({
            agent,
            port: server.address().port,
            host: '127.0.0.1',
            method: 'POST',
            headers: {
                'x-amz-target': `DynamoDB_20120810.${operation}`,
                'content-type': 'application/x-amz-json-1.0',
                'x-amz-date': '20240101T000000Z',
                authorization: AUTHORIZATION,
            },
        });
        request.end(JSON.stringify(body));
        const [response] = await once(request, 'response');
        const text = (await response.setEncoding('utf8').toArray()).join('');
        const answer = JSON.parse(text);
        if (response.statusCode !== 200) {
            const message = answer.message ?? answer.Message;
            const empty = /cannot contain an empty string value\. (Key: .*)/.exec(message);
            throw new DynamoError(answer.__type.replace(/.*#/, ''), empty === null ? message : `${EMPTY_KEY} ${empty[1]}`);
        }
        return answer;
    }

    function stop() {
        agent.destroy();
        server.close();
    }
    return { send, stop };
}

export async function createTables(dynamo, tables) {
    for (const table of tables) {
        await dynamo.send('CreateTable', table);
        while ((await dynamo.send('DescribeTable', { TableName: table.TableName })).Table.TableStatus !== 'ACTIVE') {
            await new Promise((resolve) => setTimeout(resolve, 1));
        }
    }
}

const expression = (kind, { expression: text, expressionNames, expressionValues } = {}) => ({
    [kind]: text,
    names: expressionNames,
    values: expressionValues,
});

// Several expressions of one operation share their names and values.
function merged(...parts) {
    const body = {};
    for (const { names, values, ...rest } of parts) {
        Object.assign(body, rest);
        if (names !== undefined && Object.keys(names).length > 0) {
            body.ExpressionAttributeNames = { ...body.ExpressionAttributeNames, ...names };
        }
        if (values !== undefined && Object.keys(values).length > 0) {
            body.ExpressionAttributeValues = { ...body.ExpressionAttributeValues, ...values };
        }
    }
    return JSON.parse(JSON.stringify(body)); // without what is undefined
}

const plain = (item) => (item === undefined ? null : unmarshalItem(item));
const encode = (key) => (key === undefined ? null : Buffer.from(JSON.stringify(key)).toString('base64'));

async function page(dynamo, operation, body, { limit, nextToken, index }) {
    const start = nextToken ? { ExclusiveStartKey: JSON.parse(Buffer.from(nextToken, 'base64')) } : {};
    const more = { Limit: limit, IndexName: index, ...start };
    const answer = await dynamo.send(operation, merged(body, more));
    return { items: answer.Items.map(unmarshalItem), nextToken: encode(answer.LastEvaluatedKey), scannedCount: answer.ScannedCount };
}

// DynamoDB takes no empty string for a key; dynalite does.
function refuseEmptyKey({ expression: text, expressionNames = {}, expressionValues = {} }) {
    for (const [value, typed] of Object.entries(expressionValues)) {
        if (typed.S === '') {
            const [, name] = new RegExp(`(#?\\w+)[^#]*${value}(?!\\w)`).exec(text);
            throw new DynamoError('ValidationException', `${EMPTY_KEY} Key: ${expressionNames[name] ?? name}`);
        }
    }
}

// Carries out a request of a template on a table; gives ctx.result.
export async function carryOut(dynamo, TableName, request) {
    const { operation, key: Key } = request;
    const condition = expression('ConditionExpression', request.condition ?? {});
    switch (operation) {
        case 'GetItem':
            return plain((await dynamo.send('GetItem', { TableName, Key, ConsistentRead: true })).Item);
        case 'PutItem': {
            const Item = { ...request.attributeValues, ...Key };
            await dynamo.send('PutItem', merged({ TableName, Item }, condition));
            return unmarshalItem(Item);
        }
        case 'UpdateItem': {
            const update = expression('UpdateExpression', request.update);
            return plain((await dynamo.send('UpdateItem', merged({ TableName, Key, ReturnValues: 'ALL_NEW' }, update, condition))).Attributes);
        }
        case 'DeleteItem':
            return plain((await dynamo.send('DeleteItem', merged({ TableName, Key, ReturnValues: 'ALL_OLD' }, condition))).Attributes);
        case 'Query': {
            refuseEmptyKey(request.query);
            const query = expression('KeyConditionExpression', request.query);
            const filter = expression('FilterExpression', request.filter ?? {});
            return page(dynamo, 'Query', merged({ TableName, ScanIndexForward: request.scanIndexForward ?? true }, query, filter), request);
        }
        case 'Scan':
            return page(dynamo, 'Scan', merged({ TableName }, expression('FilterExpression', request.filter ?? {})), request);
        default:
            throw new Error(`no operation ${operation}`);
    }
}

