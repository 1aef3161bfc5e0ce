// What the data API lets users, groups, guests and scripts do, through the official client.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AdminAddUserToGroupCommand, AdminRemoveUserFromGroupCommand } from '@aws-sdk/client-cognito-identity-provider';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { generateClient } from 'aws-amplify/data';
import { PASSWORD, makeUser, startPool } from './lib.mjs';

let pool;
let admin;
let ann;
let bob;
const clientOf = (tokens) => generateClient({ authMode: 'lambda', authToken: tokens.AccessToken }).models;

before(async () => {
  pool = await startPool('club');
  Amplify.configure(pool.outputs);
  admin = await pool.admin();
  ann = await makeUser(pool);
  bob = await makeUser(pool);
  bob.tokens = await pool.signIn(bob.username);
  await auth.signIn({ username: ann.username, password: PASSWORD });
});
after(() => pool.end());

async function ok(operation) {
  const { data, errors } = await operation;
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

async function fails(operation, type = 'Unauthorized', message = /^Not Authorized to access /) {
  const { errors } = await operation;
  assert.equal(errors?.[0]?.errorType, type, JSON.stringify(errors));
  assert.match(errors[0].message, message);
  return errors;
}

const models = () => generateClient().models;

test('an owner does everything with what is hers, another user nothing', async () => {
  const { Diary } = models();
  const diary = await ok(Diary.create({ text: 'mine' }, { authMode: 'userPool' }));
  assert.equal(diary.owner, ann.sub);
  assert.equal((await ok(Diary.get({ id: diary.id }))).text, 'mine');
  await ok(Diary.update({ id: diary.id, text: 'changed' }));
  assert.deepEqual((await ok(Diary.list())).map(({ text }) => text), ['changed']);

  const other = clientOf(bob.tokens).Diary;
  await fails(other.get({ id: diary.id }));
  assert.deepEqual(await ok(other.list()), []);
  await fails(other.update({ id: diary.id, text: 'stolen' }));
  await fails(other.delete({ id: diary.id }));
  await fails(Diary.get({ id: diary.id }, { authMode: 'apiKey' }));
  assert.equal((await ok(Diary.delete({ id: diary.id }))).id, diary.id);
  await fails(Diary.delete({ id: diary.id })); // gone: nobody's
});

test('others read by API key what the rules show them; an owner-only field is not there', async () => {
  const { Note } = models();
  const selectionSet = ['id', 'text'];
  const note = await ok(Note.create({ text: 'hello', secret: 'x' }, { selectionSet }));
  assert.equal((await ok(Note.get({ id: note.id }))).secret, 'x');
  assert.equal((await ok(Note.get({ id: note.id }, { authMode: 'apiKey', selectionSet }))).text, 'hello');
  const [{ path }] = await fails(Note.get({ id: note.id }, { authMode: 'apiKey' }));
  assert.deepEqual(path, ['getNote', 'secret']);
});

test('members of groups, and owners in a list', async () => {
  const { Paper } = models();
  const paper = await ok(Paper.create({ text: 'p', team: 'editors' }));
  assert.deepEqual(paper.editors, [ann.sub]);
  const other = (tokens) => clientOf(tokens).Paper;
  await fails(other(bob.tokens).get({ id: paper.id }));
  const group = { UserPoolId: pool.poolId, Username: bob.username, GroupName: 'editors' };
  await admin.send(new AdminAddUserToGroupCommand(group));
  const member = await pool.signIn(bob.username);
  assert.equal((await ok(other(member).get({ id: paper.id }))).text, 'p');
  await ok(other(member).update({ id: paper.id, text: 'q' }, { selectionSet: ['id'] }));
  await fails(other(member).delete({ id: paper.id }));
  await admin.send(new AdminRemoveUserFromGroupCommand(group));
  await fails(other(member).get({ id: paper.id })); // at once
});

test('the identity pool: guests read, signed-in identities write', async () => {
  const { Board } = models();
  const board = await ok(Board.create({ text: 'b' }, { authMode: 'identityPool' }));
  assert.equal((await ok(Board.get({ id: board.id }, { authMode: 'identityPool' }))).text, 'b');
  await auth.signOut();
  assert.equal((await ok(Board.get({ id: board.id }, { authMode: 'identityPool' }))).text, 'b');
  await fails(Board.create({ text: 'c' }, { authMode: 'identityPool' }));
  await auth.signIn({ username: ann.username, password: PASSWORD });
});

test('a sign-out ends what its tokens could do', async () => {
  const { tokens } = await auth.fetchAuthSession();
  await auth.signOut();
  const { errors } = await clientOf({ AccessToken: tokens.accessToken.toString() }).Diary.list();
  assert.match(errors[0].message, /^(Unauthorized|You are not authorized to make this call\.)$/);
});
