// Connects to a TLS server on 127.0.0.1 under each of the given names and prints what came of it:
// {"localhost": "ok", "other.example": "ERR_..."}. Runs as a process of its own because Node reads
// NODE_EXTRA_CA_CERTS only at its start.
import net from 'node:net';
import tls from 'node:tls';

const [port, ...names] = process.argv.slice(2);

function attempt(name) {
  return new Promise((resolve) => {
    const target = net.isIP(name) ? { host: name } : { host: '127.0.0.1', servername: name };
    const socket = tls.connect({ ...target, port: Number(port) }, () => {
      socket.destroy();
      resolve('ok');
    });
    socket.on('error', (error) => resolve(error.code ?? error.message));
  });
}

const results = {};
for (const name of names) {
  results[name] = await attempt(name);
}
console.log(JSON.stringify(results));
