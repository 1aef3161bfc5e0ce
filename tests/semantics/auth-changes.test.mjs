// Rights that end while somebody is subscribed: memberships, groups, sign-ins, users. What they let in comes no
// more, the rest goes on; whoever may nothing any more is told.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CognitoIdentityClient, DeleteIdentitiesCommand } from '@aws-sdk/client-cognito-identity';
import * as idp from '@aws-sdk/client-cognito-identity-provider';
import { serve } from './lib/ampd.mjs';
import { accessKey, deleteKey, enrol, signerOf } from './lib/identities.mjs';
import { connectAs } from './lib/socket.mjs';

const SDL = `
type Static @model @auth(rules: [{ allow: groups, groups: ["Red"] }, { allow: groups, groups: ["Blue"], operations: [read] }]) { text: String }
type One @model @auth(rules: [{ allow: groups, groupsField: "team" }]) { text: String team: String }
type Many @model @auth(rules: [{ allow: groups, groupsField: "teams", operations: [read] }, { allow: owner, ownerField: "author" }]) { text: String teams: [String] author: String }
type Own @model @auth(rules: [{ allow: owner, ownerField: "owner" }, { allow: groups, groups: ["Red"], operations: [read] }]) { text: String owner: String }
type All @model @auth(rules: [{ allow: private }, { allow: private, provider: identityPool }]) { text: String }
`;
const MODELS = ['Static', 'One', 'Many', 'Own', 'All'];

let api;
let callers;
let admin;
let root;
before(async () => {
    api = await serve(SDL, ['userPool', 'apiKey']);
    ({ callers } = await enrol(api));
    root = callers.root;
    const key = await accessKey(api.sandbox);
    admin = new idp.CognitoIdentityProviderClient({ region: 'us-east-1', endpoint: new URL(api.endpoint).origin, credentials: key });
});
after(() => (admin?.destroy(), api?.stop()));

const send = (name, input) => admin.send(new idp[`${name}Command`]({ UserPoolId: api.sandbox.outputs.auth.user_pool_id, ...input }));
const user = (name) => ({ Username: `${name}@example.com` });

// Everything somebody may subscribe to. The texts of events that have come, and errors, by model.
async function listen(who) {
    const { socket, start } = await connectAs(api, callers[who] ?? who);
    const started = [];
    for (const model of MODELS) {
        const { type } = await start(model, `subscription { onCreate${model} { text } }`, {});
        if (type === 'start_ack') {
            started.push(model);
        }
    }
    return {
        started,
        socket,
        texts: (model) => socket.data(model).map(({ data }) => data[`onCreate${model}`].text),
        ended: () => Object.fromEntries(socket.received.filter(({ id, type }) => type === 'error' && started.includes(id)).map(({ id, payload }) => [id, payload.errors[0].errorType])),
        end: () => socket.close(),
    };
}

// One item of each kind that a user may have let in by; then one that everybody gets.
let round = 0;
async function write(names = ['cyd', 'dan']) {
    round++;
    const create = async (model, input) => {
        const { errors } = await api.run(`mutation ($input: Create${model}Input!) { create${model}(input: $input) { id text ${'team' in input ? 'team' : ''} ${'teams' in input ? 'teams author' : ''} ${model === 'Own' ? 'owner' : ''} } }`, { input: { text: `${round}`, ...input } }, root);
        assert.equal(errors, undefined);
    };
    await create('Static', {});
    await create('One', { team: 'Red', text: `${round} Red` });
    await create('One', { team: 'Blue', text: `${round} Blue` });
    await create('Many', { teams: ['Red', 'x'], author: 'nobody', text: `${round} Red` });
    for (const name of names) {
        const { sub } = callers[name].identity;
        await create('Many', { teams: [], author: sub, text: `${round} ${name}` });
        await create('Own', { owner: `${sub}::${sub}`, text: `${round} ${name}` });
    }
    await create('All', {});
    return round;
}

async function got(listener, number) {
    await listener.socket.find(({ id, type, payload }) => id === 'All' && ((type === 'data' && payload.data.onCreateAll.text === `${number}`) || type === 'error'));
    return Object.fromEntries(listener.started.map((model) => [model, listener.texts(model).filter((text) => text.startsWith(`${number}`)).map((text) => text.slice(`${number}`.length).trim())]));
}

// What came of a round, and what has ended with which error.
const outcome = async (listener, number) => ({ ...(await got(listener, number)), ended: listener.ended() });

test('a membership ends: what it let in comes no more', async () => {
    for (const name of ['cyd', 'cyd/id']) {
        await send('AdminAddUserToGroup', { ...user('cyd'), GroupName: 'Red' });
        const listener = await listen(name);
        assert.deepEqual(listener.started, MODELS);
        assert.deepEqual(await outcome(listener, await write()), { Static: [''], One: ['Red'], Many: ['Red', 'cyd'], Own: ['cyd', 'dan'], All: [''], ended: {} });
        await send('AdminRemoveUserFromGroup', { ...user('cyd'), GroupName: 'Red' });
        assert.deepEqual(await outcome(listener, await write()), { Static: [], One: [], Many: ['cyd'], Own: ['cyd'], All: [''], ended: { Static: 'Unauthorized', One: 'Unauthorized' } });
        await listener.end();
    }
});

test('a group ends: other groups and rules go on', async () => {
    const listener = await listen('dan');
    assert.deepEqual(await outcome(listener, await write()), { Static: [''], One: ['Red', 'Blue'], Many: ['Red', 'dan'], Own: ['cyd', 'dan'], All: [''], ended: {} });
    await send('DeleteGroup', { GroupName: 'Blue' });
    assert.deepEqual(await outcome(listener, await write()), { Static: [''], One: ['Red'], Many: ['Red', 'dan'], Own: ['cyd', 'dan'], All: [''], ended: {} });
    await listener.end();
});

test('a sign-out, a disabled and a deleted user end all that they had', async () => {
    for (const [name, operation] of [['ann', 'AdminUserGlobalSignOut'], ['bob', 'AdminDisableUser'], ['eve', 'AdminDeleteUser']]) {
        const [listener, other] = [await listen(name), await listen('dan')];
        assert.deepEqual((await outcome(listener, await write([]))).All, ['']);
        await send(operation, user(name));
        const number = await write([]);
        const ended = Object.fromEntries(listener.started.map((model) => [model, 'UnauthorizedException']));
        assert.deepEqual(await outcome(listener, number), { ...Object.fromEntries(listener.started.map((model) => [model, []])), ended });
        assert.deepEqual(await outcome(other, number), { Static: [''], One: ['Red'], Many: ['Red'], Own: [], All: [''], ended: {} });
        await Promise.all([listener.end(), other.end()]);
    }
});

test('a deleted identity and a deleted access key end what they had', async () => {
    const { accessKeyId, secretAccessKey } = await accessKey(api.sandbox);
    const key = { name: 'another key', headers: signerOf(api, { accessKeyId, secretAccessKey }) };
    const [member, script, guest] = [await listen('member'), await listen(key), await listen('root')];
    assert.deepEqual([member.started, script.started], [['All'], MODELS]);
    assert.deepEqual(await outcome(member, await write([])), { All: [''], ended: {} });
    const identities = new CognitoIdentityClient({ region: 'us-east-1', endpoint: new URL(api.endpoint).origin, credentials: await accessKey(api.sandbox) });
    await identities.send(new DeleteIdentitiesCommand({ IdentityIdsToDelete: [callers.member.identity.cognitoIdentityId] }));
    identities.destroy();
    assert.deepEqual(await outcome(member, await write([])), { All: [], ended: { All: 'UnauthorizedException' } });
    assert.equal((await outcome(script, round)).All.length, 1);
    await deleteKey(api.sandbox, accessKeyId);
    await write([]);
    assert.deepEqual((await outcome(script, round)).ended, Object.fromEntries(MODELS.map((model) => [model, 'UnauthorizedException'])));
    assert.deepEqual(await outcome(guest, round), { Static: [''], One: ['Red', 'Blue'], Many: ['Red'], Own: [], All: [''], ended: {} });
    await Promise.all([member.end(), script.end(), guest.end()]);
});
