// Which events a subscription gets, by its arguments and the filter that the official resolver set.

const OPERATORS = {
    eq: (value, other) => value === other,
    ne: (value, other) => value !== other,
    in: (value, list) => list.includes(value),
    contains: (value, part) => (typeof value === 'string' || Array.isArray(value)) && value.includes(part),
    containsAny: (value, list) => Array.isArray(value) && list.some((each) => value.includes(each)),
    beginsWith: (value, start) => typeof value === 'string' && value.startsWith(start),
};

export function matches(filter, payload) {
    return Object.entries(filter).every(([name, condition]) => {
        if (name === 'and') {
            return condition.every((each) => matches(each, payload));
        }
        if (name === 'or') {
            return condition.some((each) => matches(each, payload));
        }
        return Object.entries(condition).every(([operator, value]) => OPERATORS[operator](payload[name] ?? null, value));
    });
}

// A filter that is set stands instead of the comparison of arguments.
export const receives = ({ filter, ...args }, set, payload) =>
    set === undefined ? Object.entries(args).every(([name, value]) => payload[name] === value) : matches(set, payload);
