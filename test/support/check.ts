import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'

/** Cheapest first, so that a slip is told within seconds; the tests come last, so that the output ends with their summary. */
const stages = [
  { name: 'format and lint', command: 'biome check --error-on-warnings' },
  { name: 'types', command: 'tsc' },
  { name: 'build', command: 'node packages/build.ts' },
  { name: 'unused code', command: 'knip --no-progress' },
  { name: 'tests', command: 'vitest run' },
]

/** Runs everything that must hold before a change goes out. */
async function check(): Promise<number> {
  for (const { name, command } of stages) {
    console.log(`▸ ${name}`)
    const exitCode = await run(command)
    if (exitCode !== 0) {
      // Vitest has ended with its own summary; an earlier stage that fails still owes the reader one.
      if (command !== 'vitest run') console.log(`▸ ${name} failed, so the tests did not run\n0 passed, 1 failed`)
      return exitCode
    }
  }
  return 0
}

async function run(command: string): Promise<number> {
  const root = join(import.meta.dirname, '../..')
  const path = [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter)
  const [program = '', ...parameters] = command.split(' ')
  const child = spawn(program, parameters, { cwd: root, env: { ...process.env, PATH: path }, stdio: 'inherit' })
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  process.on('SIGINT', forward).on('SIGTERM', forward)
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (exitCode) => resolve(exitCode ?? 1))
    })
  } finally {
    process.off('SIGINT', forward).off('SIGTERM', forward)
  }
}

process.exitCode = await check()
