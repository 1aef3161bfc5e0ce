// What a custom mutation returns of a model: all that its caller may see, and for subscribers nothing that they might
// not be allowed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serve } from './lib/ampd.mjs';
import { enrol } from './lib/identities.mjs';
import { connectAs } from './lib/socket.mjs';

const SDL = `
type Page @model @auth(rules: [{ allow: private }, { allow: public, provider: apiKey, operations: [read] }]) {
  id: ID! @primaryKey text: String
  lock: String @auth(rules: [{ allow: groups, groups: ["Admin"] }])
  notes: [Note] @hasMany(references: ["pageId"])
  quiet: [Quiet] @hasMany(references: ["pageId"])
}
type Note @model @auth(rules: [{ allow: owner, ownerField: "owner" }]) { text: String owner: String pageId: ID page: Page @belongsTo(references: ["pageId"]) }
type Quiet @model(subscriptions: null) @auth(rules: [{ allow: groups, groups: ["Admin"] }]) { text: String pageId: ID page: Page @belongsTo(references: ["pageId"]) secret: String @auth(rules: [{ allow: owner, ownerField: "owner" }]) }
type Mutation { put(give: AWSJSON): Page @function(name: "give") @auth(rules: [{ allow: private }]) hush(give: AWSJSON): Quiet @function(name: "give") @auth(rules: [{ allow: private }]) }
type Subscription { onPut: Page @aws_subscribe(mutations: ["put"]) @aws_cognito_user_pools onHush: Quiet @aws_subscribe(mutations: ["hush"]) @aws_cognito_user_pools }
`;
const FIELDS = '{ text lock notes { items { text } } quiet { items { text } } }';

let api;
let callers;
before(async () => {
    api = await serve(SDL, ['userPool', 'apiKey']);
    ({ callers } = await enrol(api));
    const { sub } = callers.ann.identity;
    const make = (text) => api.run(`mutation { ${text} { id } }`, {}, callers.root);
    await make('createPage(input: { id: "p", text: "t", lock: "l" })');
    await make(`createNote(input: { text: "of ann", owner: "${sub}::${sub}", pageId: "p" })`);
    await make('createQuiet(input: { text: "q", pageId: "p" })');
});
after(() => api?.stop());

const put = (name) => api.run(`mutation ($give: AWSJSON) { put(give: $give) ${FIELDS} }`, { give: JSON.stringify({ id: 'p', text: 't', lock: 'l' }) }, callers[name]);

test('its caller gets what the rules of fields and related models let through', async () => {
    const ann = await put('ann');
    assert.deepEqual(ann, { data: { put: { text: 't', lock: 'l', notes: { items: [{ text: 'of ann' }] }, quiet: { items: [{ text: 'q' }] } } } });
    const bob = await put('bob');
    assert.deepEqual(bob.data, { put: { text: 't', lock: null, notes: { items: [] }, quiet: { items: [] } } });
    assert.deepEqual(bob.errors.map(({ path, errorType }) => [path, errorType]), [[['put', 'lock'], 'Unauthorized']]);
});

test("a model's own mutations leave it out for everybody", async () => {
    const { data } = await api.run(`mutation { updatePage(input: { id: "p", text: "t" }) ${FIELDS} }`, {}, callers.ann);
    assert.deepEqual(data.updatePage, { text: 't', lock: null, notes: { items: [] }, quiet: { items: [] } });
});

test('subscribers get none of it, whatever the caller may', async () => {
    const { socket, start } = await connectAs(api, callers.bob);
    assert.equal((await start('page', `subscription { onPut ${FIELDS} }`, {})).type, 'start_ack');
    assert.equal((await start('quiet', 'subscription { onHush { text secret page { text } } }', {})).type, 'start_ack');
    await put('ann');
    const [{ data }] = await socket.count('page', 1);
    assert.deepEqual(data.onPut, { text: 't', lock: null, notes: { items: [] }, quiet: { items: [] } });
    const give = JSON.stringify({ id: 'q', text: 'q', pageId: 'p', secret: 's', owner: callers.ann.identity.sub });
    const hushed = await api.run('mutation ($give: AWSJSON) { hush(give: $give) { text secret page { text } } }', { give }, callers.ann);
    assert.deepEqual(hushed.data.hush, { text: 'q', secret: 's', page: { text: 't' } });
    const [event] = await socket.count('quiet', 1);
    assert.deepEqual(event.data.onHush, { text: null, secret: null, page: null }); // whoever is an owner only might not see the text
    await socket.close();
});
