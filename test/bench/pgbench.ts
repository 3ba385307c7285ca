import { execFile } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

/** PostgreSQL's own load generator, where it is installed: on the PATH, or where Debian puts it. */
export const pgbenchProgram: string | undefined = [...(process.env.PATH ?? '').split(delimiter), ...debianFolders()]
  .map((folder) => join(folder, 'pgbench'))
  .find(isExecutable)

/** Transactions per second that pgbench reaches with a script over so many connections, its statements prepared. */
export async function pgbench(
  url: string,
  script: string,
  { clients, seconds }: { clients: number; seconds: number },
): Promise<number> {
  if (!pgbenchProgram) throw new Error('pgbench is not installed')
  const folder = await mkdtemp(join(tmpdir(), 'farebox-pgbench-'))
  try {
    const file = join(folder, 'script.sql')
    await writeFile(file, script)
    const how = [
      '--no-vacuum',
      '--protocol=prepared',
      `--client=${clients}`,
      `--jobs=${Math.min(clients, 2)}`,
      `--time=${seconds}`,
    ]
    const { stdout } = await promisify(execFile)(pgbenchProgram, [...how, `--file=${file}`, url])
    const failed = /number of failed transactions: (\d+)/.exec(stdout)?.[1] ?? '0'
    const rate = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1])
    if (failed !== '0' || !(rate > 0)) throw new Error(`pgbench did not do what it should:\n${stdout}`)
    return rate
  } finally {
    await rm(folder, { recursive: true })
  }
}

function debianFolders(): string[] {
  const parent = '/usr/lib/postgresql'
  try {
    return readdirSync(parent).map((version) => join(parent, version, 'bin'))
  } catch {
    return []
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
