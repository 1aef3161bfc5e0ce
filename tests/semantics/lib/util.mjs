// AppSync's $util. Source: AppSync's resolver mapping template reference.
import { randomUUID } from 'node:crypto';
import { filterExpression, marshal, marshalItem } from './expressions.mjs';
import { toJava, toPlain, toText } from './velocity.mjs';

export class ResolverError extends Error {
    constructor(message, errorType = null) {
        super(message);
        this.errorType = errorType;
    }
}

const absent = (value) => value === undefined || value === null;
const isBlank = (value) => absent(value) || (typeof value === 'string' && value.trim() === '');
const isEmpty = (value) => absent(value) || value === '' || (Array.isArray(value) ? value.length === 0 : value instanceof Map && value.size === 0);
const json = (value) => JSON.stringify(toPlain(value));
const without = (map, keys) => new Map([...map].filter(([key]) => !keys.includes(key)));
const conditions = (filter) => json(toJava(filterExpression(toPlain(filter))));

// Text that is no JSON, as the claims are that templates try to read a list from, gives null.
function parseJson(text) {
    try {
        return toJava(JSON.parse(text));
    } catch {
        return undefined;
    }
}

// `at` names the field that is resolved, and how the caller has authenticated.
export function makeUtil(at) {
    return {
        qr: () => '',
        error: (message, type) => {
            throw new ResolverError(toText(message), type);
        },
        unauthorized: () => {
            throw new ResolverError(`Not Authorized to access ${at.fieldName} on type ${at.typeName}`, 'Unauthorized');
        },
        authType: () => at.authType,
        autoId: () => randomUUID(),
        defaultIfNull: (value, otherwise) => (absent(value) ? otherwise : value),
        defaultIfNullOrBlank: (value, otherwise) => (isBlank(value) ? otherwise : value),
        isNull: absent,
        isNullOrEmpty: isEmpty,
        isNullOrBlank: isBlank,
        toJson: json,
        isString: (value) => typeof value === 'string',
        isList: Array.isArray,
        parseJson,
        matches: (pattern, text) => new RegExp(pattern).test(text),
        time: { nowISO8601: () => new Date().toISOString() },
        dynamodb: {
            toDynamoDB: (value) => toJava(marshal(toPlain(value))),
            toDynamoDBJson: (value) => JSON.stringify(marshal(toPlain(value))),
            toMapValues: (map) => toJava(marshalItem(toPlain(map))),
            toMapValuesJson: (map) => JSON.stringify(marshalItem(toPlain(map))),
        },
        map: {
            copyAndRemoveAllKeys: without,
            copyAndRetainAllKeys: (map, keys) => new Map([...map].filter(([key]) => keys.includes(key))),
        },
        list: {
            copyAndRemoveAll: (list, items) => list.filter((item) => !items.includes(item)),
            copyAndRetainAll: (list, items) => list.filter((item) => items.includes(item)),
        },
        transform: {
            toDynamoDBFilterExpression: conditions,
            toDynamoDBConditionExpression: conditions,
            toSubscriptionFilter: (filter) => filter, // as a tree: events are put to it as it is
        },
    };
}
