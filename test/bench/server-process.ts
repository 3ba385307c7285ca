import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** A server that runs as a process of its own, pinned to one core. */
export interface ServerProcess {
  child: ChildProcess
  url: string
  /** Milliseconds of CPU that it has used so far, all of its threads together. In steps of ten. */
  cpuMs(): number
  /** Memory that it has in use, in MiB. */
  rssMib(): number
  /** Asks it to end, and resolves with what it had to say; `undefined` where it says nothing. */
  stop(): Promise<unknown>
}

/** The core of what is measured, and the core of what measures it. */
export const SERVER_CORE = 0
export const LOAD_CORE = 1

interface StartOptions {
  /** The Node that it runs on. @defaultValue the one of this process */
  node?: string
  core?: number
  env?: Record<string, string>
}

/** Starts a script that sends the port that it listens on. */
export async function startServer(script: string, args: readonly string[], options: StartOptions = {}): Promise<ServerProcess> {
  const { node = process.execPath, core = SERVER_CORE, env = {} } = options
  const child = spawn('taskset', ['-c', String(core), node, '--conditions=farebox-source', '--no-warnings', script, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production', ...env },
  })
  const [port] = (await Promise.race([once(child, 'message'), failed(child, script)])) as [number]
  return {
    ...measuredProcess(child, `http://127.0.0.1:${port}`),
    async stop() {
      const exited = once(child, 'exit')
      let said: unknown
      child.once('message', (message) => {
        said = message
      })
      child.send('stop')
      await exited
      return said
    },
  }
}

/** What can be told of a process from outside. */
export function measuredProcess(child: ChildProcess, url: string): Omit<ServerProcess, 'stop'> {
  return {
    child,
    url,
    cpuMs() {
      // After the name, which may hold anything, the 12th and the 13th field are user and system time in ticks of 10 ms.
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
      return (Number(fields[11]) + Number(fields[12])) * 10
    },
    rssMib: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1_024,
  }
}

/** The Node of `--node 24` on the command line, through npm's package `node`; without it, the one that runs this. */
export function chosenNode(): { path: string; version: string } {
  const wanted = process.argv[process.argv.indexOf('--node') + 1]
  if (!process.argv.includes('--node') || !wanted) return { path: process.execPath, version: process.versions.node }
  const print = 'process.execPath + " " + process.versions.node'
  const [path = '', version = ''] = execFileSync('npx', ['--yes', '-p', `node@${wanted}`, 'node', '-p', print], {
    encoding: 'utf8',
  })
    .trim()
    .split(' ')
  return { path, version }
}

/** Keeps this process off the core of the servers. */
export function pinToLoadCore(): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(LOAD_CORE), String(process.pid)])
}

async function failed(child: ChildProcess, script: string): Promise<never> {
  const [code] = await once(child, 'exit')
  throw new Error(`${script} ended with ${code} before it listened`)
}
