// Hosted sign-in and OAuth are not served: whoever comes there is told so.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('mail');
});
after(() => pool.end());

test('endpoints answer in OAuth\'s form', async () => {
  for (const [method, path] of [['POST', '/oauth2/token'], ['GET', '/oauth2/userInfo'], ['GET', '/oauth2/authorize?client_id=x'], ['POST', '/saml2/idpresponse']]) {
    const answer = await fetch(pool.origin + path, { method });
    assert.equal(answer.status, 501, path);
    const body = await answer.json();
    assert.equal(body.error, 'temporarily_unavailable');
    assert.match(body.error_description, /not served yet/);
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  }
});

test('a person reads it as a page', async () => {
  const answer = await fetch(`${pool.origin}/login?client_id=x`, { headers: { accept: 'text/html,*/*' } });
  assert.equal(answer.status, 501);
  assert.match(answer.headers.get('content-type'), /^text\/html/);
  assert.match(await answer.text(), /Not served yet/);
});
