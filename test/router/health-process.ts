import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { attempt, createHealth, type HealthReading, shareHealth, type WholeAnswer } from '@farebox/router'
import { failure, routeOf } from './scripted.ts'

/** What an app server is told to do: requests to a provider, which fails every one of them if so told, with another one to go to. */
export interface Word {
  provider: string
  requests: number
  fails?: Parameters<typeof failure>[0]
}

/** Whom it called, and what it knows of the provider then. */
export interface Report {
  called: string[]
  reading: HealthReading | undefined
}

/** One app server among several on the same database, who share what they know of providers. */
const [kind, location = '', clockMs = '0'] = process.argv.slice(2)
if (!process.send) throw new Error('started by a test, with a driver, a location, and how fast its clock is')

const clock = () => Date.now() + Number(clockMs)
const ledger = new Ledger<unknown>(kind === 'sqlite' ? sqlite({ filename: location }) : postgres({ connectionString: location }))
const health = createHealth({ clock })
const shared = shareHealth(health, ledger.health, { everyMs: 20, clock })

async function serve({ provider, requests, fails }: Word): Promise<Report> {
  const called: string[] = []
  for (let request = 0; request < requests; request += 1) {
    await attempt<WholeAnswer & { text: string }>({
      route: routeOf([provider, 'other']),
      id: 'r',
      health,
      clock,
      retries: { triesMax: 1 },
      call: async ({ offer }) => {
        called.push(offer.provider)
        if (offer.provider === 'other' || !fails) return { text: 'hello' }
        throw failure(fails, { retryAfterMs: 60_000 })
      },
    })
  }
  return { called, reading: health.read(provider) }
}

process.on('message', async (word: Word | 'end') => {
  if (word !== 'end') {
    process.send?.(await serve(word))
    return
  }
  await shared.stop()
  await ledger.close()
  process.disconnect?.()
})
await shared.exchange()
shared.start()
process.send({ called: [], reading: undefined } satisfies Report)
