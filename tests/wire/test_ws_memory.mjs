// What an idle WebSocket costs the whole process, fiber and all, with the server as it is shipped.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startServer } from './peer.mjs'
import { frame, OP, WebSocketPeer } from './websocket.mjs'

const COUNT = Number(process.env.SOCKETS ?? 2000)

let server
before(async () => (server = await startServer('release', '--tls')))
after(() => server.stop())

for (const [kind, count, kibMax] of [['plain', COUNT, 8], ['TLS', COUNT / 4, 32]]) {
  test(`${count} idle ${kind} sockets cost at most ${kibMax} KiB each`, async () => {
    const peers = []
    const open = () => WebSocketPeer.open(server.port, '/ws', { secure: kind === 'TLS' })
    for (let i = 0; i < 50; i++) peers.push(await open())
    const before = (await server.stats()).residentKiB
    while (peers.length < count + 50) peers.push(...(await Promise.all(Array.from({ length: 50 }, open))))
    const opened = (await server.stats()).residentKiB
    for (const peer of peers) {
      peer.write(frame(OP.text, 'x'.repeat(3000)))
      assert.equal((await peer.frame()).payload.length, 3000)
    }
    const used = await server.stats()
    const each = [opened, used.residentKiB].map((kib) => ((kib - before) / count).toFixed(2))
    console.log(`# ${used.sockets} ${kind} sockets: ${each[0]} KiB each when opened, ${each[1]} after a message each`)
    peers.forEach((peer) => peer.close())
    assert.ok(each[1] <= kibMax)
    while ((await server.stats()).sockets > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  })
}
