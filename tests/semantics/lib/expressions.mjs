// Values and filter expressions as AppSync hands them to DynamoDB.

export function marshal(value) {
    if (value === null || value === undefined) {
        return { NULL: true };
    }
    if (typeof value === 'string') {
        return { S: value };
    }
    if (typeof value === 'number') {
        return { N: String(value) };
    }
    if (typeof value === 'boolean') {
        return { BOOL: value };
    }
    return Array.isArray(value) ? { L: value.map(marshal) } : { M: marshalItem(value) };
}

export const marshalItem = (item) => Object.fromEntries(Object.entries(item).map(([key, value]) => [key, marshal(value)]));

export function unmarshal(typed) {
    const [[type, value]] = Object.entries(typed);
    switch (type) {
        case 'NULL':
            return null;
        case 'N':
            return Number(value);
        case 'L':
            return value.map(unmarshal);
        case 'M':
            return unmarshalItem(value);
        default:
            return value;
    }
}

export const unmarshalItem = (item) => Object.fromEntries(Object.entries(item).map(([key, value]) => [key, unmarshal(value)]));

const COMPARISONS = { eq: '=', ne: '<>', lt: '<', le: '<=', gt: '>', ge: '>=' };
const TYPES = { binary: 'B', binarySet: 'BS', bool: 'BOOL', list: 'L', map: 'M', number: 'N', numberSet: 'NS', string: 'S', stringSet: 'SS', _null: 'NULL' };

// DynamoDB refuses brackets that change nothing: a part with `loose` operators gets them only where
// it is joined to others.
const one = (text) => ({ text });
const bound = ({ text, loose }) => (loose ? `(${text})` : text);

function join(parts, word) {
    const some = parts.filter((part) => part !== undefined);
    return some.length < 2 ? some[0] : { text: some.map(bound).join(` ${word} `), loose: true };
}

const not = (part) => part && { text: `NOT ${bound(part)}`, loose: true };

class Expression {
    names = {};
    values = {};

    operand(value) {
        const name = `:v${Object.keys(this.values).length}`;
        this.values[name] = marshal(value);
        return name;
    }

    operator(subject, name, value) {
        if (COMPARISONS[name] !== undefined) {
            return one(`${subject} ${COMPARISONS[name]} ${this.operand(value)}`);
        }
        switch (name) {
            case 'between':
                return { text: `${subject} BETWEEN ${this.operand(value[0])} AND ${this.operand(value[1])}`, loose: true };
            case 'contains':
                return one(`contains(${subject}, ${this.operand(value)})`);
            case 'notContains':
                return not(one(`contains(${subject}, ${this.operand(value)})`));
            case 'beginsWith':
                return one(`begins_with(${subject}, ${this.operand(value)})`);
            case 'in':
                return { text: value.map((each) => `${subject} = ${this.operand(each)}`).join(' OR '), loose: true };
            case 'attributeExists':
                return one(`attribute_${value ? '' : 'not_'}exists(${subject})`);
            case 'attributeType':
                return one(`attribute_type(${subject}, ${this.operand(TYPES[value] ?? value)})`);
            case 'size':
                return this.conditions(`size(${subject})`, value);
            default:
                throw new Error(`unknown operator ${name}`);
        }
    }

    conditions(subject, operators) {
        return join(Object.entries(operators).map(([name, value]) => this.operator(subject, name, value)), 'AND');
    }

    member(name, value) {
        if (name === 'and' || name === 'or') {
            return join(value.map((each) => this.filter(each)), name.toUpperCase());
        }
        if (name === 'not') {
            return not(this.filter(value));
        }
        const conditions = this.conditions(`#${name}`, value);
        if (conditions !== undefined) {
            this.names[`#${name}`] = name;
        }
        return conditions;
    }

    filter(filter) {
        return join(Object.entries(filter).map(([name, value]) => this.member(name, value)), 'AND');
    }
}

// $util.transform.toDynamoDBFilterExpression
export function filterExpression(filter) {
    const built = new Expression();
    const expression = built.filter(filter)?.text ?? '';
    return { expression, expressionNames: built.names, expressionValues: built.values };
}
