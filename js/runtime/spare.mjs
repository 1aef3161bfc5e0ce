// A process that was started before anybody knew for which function: it waits to be told, and becomes that function's. Only what is the
// same for all functions may be loaded before: the runtime itself reads the environment.
import 'node:async_hooks';
import 'node:crypto';
import 'node:dns';
import 'node:http';
import 'node:https';
import 'node:module';
import 'node:stream';
import 'node:url';
import 'node:util';
import { RuntimeApi } from './api.mjs';

const api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API ?? '', process.env.AMPD_RUNTIME_TOKEN);
const { status, body } = await api.ask('GET', '/assignment');
api.socket?.destroy();
if (status !== 200) process.exit(0);
const { environment } = JSON.parse(body.toString());
for (const [name, value] of Object.entries(environment)) process.env[name] = value;
await import('./bootstrap.mjs');
