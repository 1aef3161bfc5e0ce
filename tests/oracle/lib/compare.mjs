// Differences between two schemas, or two JSON values, as lines a person can read. Empty: equal.
import { createRequire } from 'node:module';

const { parse, print } = createRequire(import.meta.url)('graphql');

// Order means nothing among types and among directives; among everything else it is compared.
function directives(node) {
    return (node.directives ?? []).map(print).sort().join(' ');
}

function argumentText(node) {
    const initial = node.defaultValue === undefined ? '' : ` = ${print(node.defaultValue)}`;
    return `${node.name.value}: ${print(node.type)}${initial} ${directives(node)}`.trim();
}

function memberText(node) {
    const list = (node.arguments ?? []).map(argumentText).join(', ');
    const type = node.type === undefined ? '' : `: ${print(node.type)}`;
    const initial = node.defaultValue === undefined ? '' : ` = ${print(node.defaultValue)}`;
    const note = node.description === undefined ? '' : `"${node.description.value}" `;
    return `${note}${node.name.value}(${list})${type}${initial} ${directives(node)}`.trim();
}

function definitionTexts(definition) {
    const members = definition.fields ?? definition.values ?? definition.types ?? [];
    const note = definition.description === undefined ? '' : `"${definition.description.value}" `;
    const interfaces = (definition.interfaces ?? []).map((i) => i.name.value).join(' & ');
    const head = `${note}${definition.kind} ${interfaces} ${directives(definition)}`.trim();
    return { head, members: members.map((m) => ({ name: m.name?.value, text: memberText(m) })) };
}

function byName(sdl) {
    const types = new Map();
    for (const definition of parse(sdl).definitions) {
        const name = definition.name?.value ?? definition.kind;
        if (types.has(name)) {
            throw new Error(`the type ${name} is defined twice`);
        }
        types.set(name, definitionTexts(definition));
    }
    return types;
}

function memberDifferences(name, ours, theirs) {
    const lines = [];
    const mine = new Map(ours.members.map((m) => [m.name, m.text]));
    const official = new Map(theirs.members.map((m) => [m.name, m.text]));
    for (const [member, text] of official) {
        if (!mine.has(member)) {
            lines.push(`${name}.${member} is missing; official: ${text}`);
        } else if (mine.get(member) !== text) {
            lines.push(`${name}.${member}\n      ours:     ${mine.get(member)}\n      official: ${text}`);
        }
    }
    for (const [member, text] of mine) {
        if (!official.has(member)) {
            lines.push(`${name}.${member} is too much: ${text}`);
        }
    }
    const order = (list) => list.members.map((m) => m.name).join(' ');
    if (lines.length === 0 && order(ours) !== order(theirs)) {
        lines.push(`${name}: order\n      ours:     ${order(ours)}\n      official: ${order(theirs)}`);
    }
    return lines;
}

export function schemaDifferences(ours, theirs) {
    const mine = byName(ours);
    const official = byName(theirs);
    const lines = [];
    for (const [name, type] of official) {
        if (!mine.has(name)) {
            lines.push(`${name} is missing; official: ${type.head}`);
            continue;
        }
        if (mine.get(name).head !== type.head) {
            lines.push(`${name}\n      ours:     ${mine.get(name).head}\n      official: ${type.head}`);
        }
        lines.push(...memberDifferences(name, mine.get(name), type));
    }
    for (const name of mine.keys()) {
        if (!official.has(name)) {
            lines.push(`${name} is too much`);
        }
    }
    return lines;
}

// Deep, and with the order of keys: clients walk the introspection in the order it is written.
export function jsonDifferences(ours, theirs, path = '') {
    const isObject = (v) => typeof v === 'object' && v !== null;
    if (!isObject(ours) || !isObject(theirs) || Array.isArray(ours) !== Array.isArray(theirs)) {
        return Object.is(ours, theirs)
            ? []
            : [`${path}\n      ours:     ${JSON.stringify(ours)}\n      official: ${JSON.stringify(theirs)}`];
    }
    const lines = [];
    for (const key of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
        lines.push(...jsonDifferences(ours[key], theirs[key], `${path}/${key}`));
    }
    if (lines.length === 0 && Object.keys(ours).join() !== Object.keys(theirs).join()) {
        lines.push(`${path}: order of keys\n      ours:     ${Object.keys(ours)}\n      official: ${Object.keys(theirs)}`);
    }
    return lines;
}
