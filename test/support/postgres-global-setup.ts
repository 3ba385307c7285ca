import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { databaseParent } from './database-folder.ts'
import { createPatientServer } from './patient-server.ts'
import { type PostgresServer, startPostgres } from './postgres-server.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Answers with the URL of the run's PostgreSQL server; the first question starts it. */
    postgresBrokerUrl: string
  }
}

/** Lends one PostgreSQL server to the whole run. A run that asks for no database starts none. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<PostgresServer> | undefined

  const broker = createPatientServer((_request, response) => {
    starting ??= startPostgres({ parent: databaseParent() })
    starting.then(
      (server) => response.end(server.url),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    )
  })
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve))
  broker.unref()
  project.provide('postgresBrokerUrl', `http://127.0.0.1:${(broker.address() as AddressInfo).port}/`)

  return async () => {
    broker.close()
    // A failed start has already been reported to the test that asked for the server.
    const server = await starting?.catch(() => undefined)
    await server?.stop()
  }
}
