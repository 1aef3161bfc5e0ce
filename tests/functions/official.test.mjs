// What the tests of the contract expect is what AWS's own runtime client does: it passes them, against our Runtime API.
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { contract } from './contract.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const js = path.join(here, '../../js');

if (existsSync(path.join(here, 'official/node_modules/aws-lambda-ric/dist/rapid-client.node'))) {
  const home = mkdtempSync(path.join(tmpdir(), 'ampd-official-'));
  mkdirSync(path.join(home, 'js/runtime'), { recursive: true });
  for (const name of ['define', 'node_modules']) symlinkSync(path.join(js, name), path.join(home, 'js', name));
  symlinkSync(path.join(here, 'official/bootstrap.mjs'), path.join(home, 'js/runtime/bootstrap.mjs'));
  contract({ env: { AMPD_HOME: home }, isOurs: false });
  after(() => rmSync(home, { recursive: true }));
} else {
  test('the official runtime client', { skip: 'its native part was not built: g++ and the headers of Node.js are needed' }, () => {});
}
