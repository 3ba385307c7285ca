import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Answers a Postgres client's wish for TLS, and nothing after it: with a certificate that nobody vouches for, or with a no. */
export async function startTlsServer(takesTls: boolean): Promise<{ url: string; stop(): Promise<void> }> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
  const cert = selfSigned(privateKey, publicKey)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(takesTls ? 'S' : 'N')
      if (takesTls) new TLSSocket(socket, { isServer: true, key, cert }).on('error', () => undefined)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    url: `postgres://somebody:secret@127.0.0.1:${address.port}/credits`,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

/** The smallest certificate there is: without names, from 2020 to 2049. */
function selfSigned(privateKey: KeyObject, publicKey: KeyObject): string {
  const ed25519 = der(0x30, Buffer.from('06032b6570', 'hex'))
  const nobody = der(0x30)
  const validity = der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z')))
  const subjectKey = publicKey.export({ type: 'spki', format: 'der' })
  const body = der(0x30, der(0x02, Buffer.from([1])), ed25519, nobody, validity, nobody, subjectKey)
  const signature = der(0x03, Buffer.from([0]), sign(null, body, privateKey))
  const base64 = der(0x30, body, ed25519, signature).toString('base64')
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}
