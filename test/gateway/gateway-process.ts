import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'

const main = join(import.meta.dirname, '../../examples/gateway/src/main.ts')

/** A gateway that runs as a process of its own, as a user's does. */
export interface GatewayProcess {
  url: string
  /** Everything that it has printed so far. */
  output(): string
  /** Sends a signal, and resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  exited: Promise<number | null>
  /** Closes what it prints to, as `head` does when it has its lines. */
  stopReading(): void
  kill(signal: NodeJS.Signals): void
}

/** Starts a gateway on a free port with only these settings, and waits until it listens. */
export async function startGateway(settings: Record<string, string>): Promise<GatewayProcess> {
  const gateway = runGateway({ PORT: '0', ...settings })
  const url = await gateway.listening
  return { ...gateway, url }
}

/** Runs a gateway that is to end by itself. */
export async function failingGateway(settings: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const gateway = runGateway({ PORT: '0', ...settings })
  gateway.listening.catch(() => undefined)
  const code = await gateway.exited
  return { code, output: gateway.output() }
}

/** A folder of its own, removed by `drop`. */
export async function temporaryFolder(): Promise<{ path: string; drop(): Promise<void> }> {
  const path = databaseFolder('gateway')
  return { path, drop: () => rm(path, { recursive: true, force: true }) }
}

function runGateway(settings: Record<string, string>) {
  // Nothing of the environment that the tests run in may decide what the gateway does, but how fast it starts.
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const env = { PATH, NODE_COMPILE_CACHE, ...settings }
  const child = spawn(process.execPath, ['--conditions=farebox-source', main], { env })
  // A test that fails half-way leaves nobody behind.
  onTestFinished(() => void child.kill('SIGKILL'))
  let printed = ''
  const { promise: listening, resolve, reject } = Promise.withResolvers<string>()
  const collect = (chunk: Buffer) => {
    printed += chunk.toString()
    const url = /listening on (\S+)/.exec(printed)?.[1]
    if (url) resolve(url)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const exited = new Promise<number | null>((ended) => {
    child.once('close', (code) => {
      reject(new Error(`the gateway ended with ${code}: ${printed}`))
      ended(code)
    })
  })
  return {
    listening,
    exited,
    output: () => printed,
    stopReading: () => {
      child.stdout.destroy()
      child.stderr.destroy()
    },
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    stop: (signal: NodeJS.Signals = 'SIGTERM') => {
      child.kill(signal)
      return exited
    },
  }
}
