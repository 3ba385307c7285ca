import fs from 'node:fs'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import { expect, test, vi } from 'vitest'
import { dice } from '../faults/dice.ts'
import { databaseFolder } from '../support/database-folder.ts'
import { FailingDisk } from './failing-disk.ts'

const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(1) } as const
const accountIds = ['a', 'b', 'c']

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'two connections to a file on a disk that fails acknowledge nothing that a power cut takes away (%i)',
  async (seed) => {
    const random = dice(seed)
    const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
    const folder = databaseFolder('ledger')
    const filename = join(folder, 'credits.db')
    const disk = new FailingDisk(`${filename}-wal`, random)
    const drivers = [sqlite({ filename }), sqlite({ filename })]
    const ledgers = drivers.map((driver) => new Ledger<unknown>(driver))
    for (const ledger of ledgers) await ledger.migrate()
    for (const accountId of accountIds) {
      await ledgers[0]?.openAccount({ accountId, name: accountId })
      await ledgers[0]?.grant({ accountId, amount: credits(10_000) })
    }
    const acknowledged = new Set<string>()
    const charge = async (usageId: string) => {
      const [ledger, accountId] = [pick(ledgers), pick(accountIds)]
      await ledger.charge({ accountId, usageId, service: 'gpt', provider: 'gpt-4o-mini', usage }).then(
        () => acknowledged.add(usageId),
        (error: unknown) => expect(error).toMatchObject({ code: 'LEDGER_UNAVAILABLE' }),
      )
    }
    disk.failing = 0.15
    for (let round = 0; round < 20; round++) {
      const count = random() < 0.5 ? 1 + Math.floor(random() * 4) : 40 + Math.floor(random() * 160)
      const charges = Array.from({ length: count }, (_, index) => charge(`${round}.${index}`))
      const statement = { text: 'DELETE FROM {provider_health}', values: [] }
      if (random() < 0.4)
        charges.push(
          pick(drivers)
            .write(statement)
            .catch(() => undefined),
        )
      await Promise.all(charges)
      fs.copyFileSync(filename, `${filename}.${round}`)
      fs.writeFileSync(`${filename}.${round}-wal`, disk.afterPowerCut)
      const left = new Database(`${filename}.${round}`)
      expect(left.pragma('integrity_check', { simple: true })).toBe('ok')
      const kept = new Set(left.prepare<[], string>('SELECT usage_id FROM farebox_usage_records').pluck().all())
      left.close()
      expect([...acknowledged].filter((usageId) => !kept.has(usageId))).toEqual([])
    }
    expect(disk.failures).toBeGreaterThan(0)
    expect(acknowledged.size).toBeGreaterThan(100)
    for (const accountId of accountIds) expect((await ledgers[0]?.verify(accountId))?.mismatches).toEqual([])
    for (const ledger of ledgers) await ledger.close()
    vi.restoreAllMocks()
    fs.rmSync(folder, { recursive: true, force: true })
  },
)
