// What messages are delivered to: a submission server (RFC 5321, STARTTLS, AUTH PLAIN and LOGIN) and a webhook.
import { execFileSync } from 'node:child_process';
import { createServer as createHttp } from 'node:http';
import { createServer } from 'node:net';
import { TLSSocket } from 'node:tls';

const running = new Set();
/** Ends what a test that failed has left. */
export const stopPeers = () => Promise.all([...running].map((peer) => peer.stop()));

/** Resolves once `look()` gives something; it is called whenever something has happened. */
function watched() {
  const waiting = new Set();
  return {
    happened: () => waiting.forEach((check) => check()),
    until: (look, ms = 20_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('nothing came in time')), ms);
        const check = () => {
          const found = look();
          if (found === undefined || found === false) return;
          clearTimeout(timer);
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
      }),
  };
}

/**
 * Starts a submission server. `tls`: certificate and key for STARTTLS, or with `implicit` from the first byte.
 * A `silent` one takes connections and says nothing. `user` and `password` have to be given by clients then. `answer(command, argument)` may return a reply of its own.
 */
export async function startSmtp({ port = 0, tls, implicit = false, silent = false, user, password } = {}) {
  const { happened, until } = watched();
  const sockets = new Set();
  const smtp = { mails: [], sessions: 0, logins: [], answer: () => undefined };

  const converse = (socket, secure) => {
    let state = { to: [] };
    let login;
    let data;
    let signedIn = user === undefined;
    let buffered = Buffer.alloc(0);
    const say = (text) => socket.write(`${text}\r\n`);
    const checkLogin = (name, secret) => {
      smtp.logins.push([name, secret]);
      happened();
      signedIn = name === user && secret === password;
      say(signedIn ? '235 2.7.0 Welcome' : '535 5.7.8 Wrong user or password');
    };
    const commands = {
      EHLO: () => {
        const lines = ['localhost', '8BITMIME', 'SIZE 1000000'];
        if (tls && !secure) lines.push('STARTTLS');
        if (user !== undefined && (secure || !tls)) lines.push('AUTH PLAIN LOGIN');
        lines.forEach((line, i) => say(`250${i + 1 < lines.length ? '-' : ' '}${line}`));
      },
      HELO: () => say('250 localhost'),
      STARTTLS: () => {
        if (!tls || secure) return say('502 No');
        say('220 Go ahead');
        socket.removeAllListeners('data');
        const above = new TLSSocket(socket, { isServer: true, ...tls });
        above.on('error', () => {});
        converse(above, true);
        return undefined;
      },
      AUTH: (argument) => {
        const [how, first] = argument.split(' ');
        if (how === 'PLAIN' && first) {
          const [, name, secret] = Buffer.from(first, 'base64').toString().split('\0');
          return checkLogin(name, secret);
        }
        login = { how, given: [] };
        return say(how === 'PLAIN' ? '334 ' : `334 ${Buffer.from('Username:').toString('base64')}`);
      },
      MAIL: (argument) => {
        if (!signedIn) return say('530 5.7.0 Sign in first');
        state = { from: /<(.*)>/.exec(argument)?.[1], to: [], secure };
        return say('250 OK');
      },
      RCPT: (argument) => {
        state.to.push(/<(.*)>/.exec(argument)?.[1]);
        say('250 OK');
      },
      DATA: () => {
        data = [];
        say('354 Go on');
      },
      RSET: () => say('250 OK'),
      NOOP: () => say('250 OK'),
      QUIT: () => {
        say('221 Bye');
        socket.end();
      },
    };
    const onLine = (line) => {
      if (data) {
        if (line !== '.') return void data.push(line.startsWith('.') ? line.slice(1) : line);
        const mail = { ...state, raw: `${data.join('\r\n')}\r\n` };
        data = undefined;
        const reply = smtp.answer('data', mail);
        if (!reply) smtp.mails.push(mail);
        say(reply ?? '250 OK');
        return happened();
      }
      if (login) {
        login.given.push(Buffer.from(line, 'base64').toString());
        if (login.how === 'PLAIN') {
          const [, name, secret] = login.given[0].split('\0');
          login = undefined;
          return checkLogin(name, secret);
        }
        if (login.given.length < 2) return say(`334 ${Buffer.from('Password:').toString('base64')}`);
        const [name, secret] = login.given;
        login = undefined;
        return checkLogin(name, secret);
      }
      const [, verb, argument = ''] = /^(\w+)[ ]?(.*)$/.exec(line) ?? [];
      const reply = smtp.answer(verb?.toUpperCase(), argument);
      if (reply) {
        say(reply);
        return happened();
      }
      return commands[verb?.toUpperCase()]?.(argument) ?? (commands[verb?.toUpperCase()] ? undefined : say('500 What?'));
    };
    socket.on('data', (bytes) => {
      buffered = Buffer.concat([buffered, bytes]);
      for (let end = buffered.indexOf('\r\n'); end >= 0; end = buffered.indexOf('\r\n')) {
        const line = buffered.subarray(0, end).toString('latin1');
        buffered = buffered.subarray(end + 2);
        onLine(line);
      }
    });
    return say;
  };

  const server = createServer((socket) => {
    smtp.sessions++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    if (silent) {
      happened();
      return;
    }
    if (implicit) {
      const above = new TLSSocket(socket, { isServer: true, ...tls });
      above.on('error', () => {});
      above.on('secure', () => converse(above, true)('220 localhost'));
    } else {
      converse(socket, false)('220 localhost');
    }
    happened();
  });
  await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  smtp.port = server.address().port;
  smtp.until = until;
  /** The mail to that address, once it is there, as Python reads it. */
  smtp.mailTo = async (address) => readMail(await until(() => smtp.mails.find((mail) => mail.to.includes(address))));
  running.add(smtp);
  smtp.stop = () =>
    new Promise((resolve) => {
      running.delete(smtp);
      server.close(resolve);
      for (const socket of sockets) socket.destroy();
    });
  return smtp;
}

const READER = `
import email, email.policy, json, sys
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
people = lambda name: [[p.display_name, p.addr_spec] for p in mail[name].addresses] if mail[name] else []
print(json.dumps({
    'headers': [[k, str(v)] for k, v in mail.items()], 'subject': mail['subject'], 'type': mail.get_content_type(),
    'charset': mail.get_content_charset(), 'body': mail.get_content(), 'parts': mail.is_multipart(), 'defects': [str(d) for d in mail.defects],
    'from': people('from'), 'to': people('to'), 'reply': people('reply-to'), 'date': mail['date'].datetime.timestamp()}))
`;

/** A mail with what Python's parser makes of it. */
export function readMail(mail) {
  const out = execFileSync('python3', ['-c', READER], { input: Buffer.from(mail.raw, 'latin1') });
  return { ...mail, ...JSON.parse(out) };
}

/** Starts a webhook. `answer(request)` may return a status of its own. */
export async function startWebhook({ port = 0 } = {}) {
  const { happened, until } = watched();
  const sockets = new Set();
  const webhook = { requests: [], refused: 0, answer: () => 204 };
  const server = createHttp((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part) => (text += part));
    request.on('end', () => {
      const all = { method: request.method, url: request.url, headers: request.headers, text, body: JSON.parse(text) };
      const status = webhook.answer(all);
      if (status < 300) webhook.requests.push(all);
      else webhook.refused++;
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
      happened();
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  webhook.port = server.address().port;
  webhook.url = `http://127.0.0.1:${webhook.port}/hook?token=hidden`;
  webhook.until = until;
  webhook.messageTo = (to) => until(() => webhook.requests.find((request) => request.body.to === to));
  running.add(webhook);
  webhook.stop = () =>
    new Promise((resolve) => {
      running.delete(webhook);
      server.close(resolve);
      for (const socket of sockets) socket.destroy();
    });
  return webhook;
}
