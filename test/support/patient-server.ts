import { createServer, type RequestListener, type Server } from 'node:http'

/**
 * A server that never closes a connection because nothing comes over it. By Node's own five seconds it would, and whoever asks next over that very
 * connection, in a process that was kept busy for so long, finds it reset.
 */
export function createPatientServer(listener?: RequestListener): Server {
  return createServer({ keepAliveTimeout: 0 }, listener)
}
