import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Runs every benchmark, or those whose names are given: `npm run bench -- sqlite-holds`. Each prints ratios to a baseline of its own run. From the
 * first option on, words are the benchmarks' own: `npm run bench -- middleware --node 24 express`.
 */
const words = process.argv.slice(2)
const firstOption = words.findIndex((word) => word.startsWith('--'))
const wanted = firstOption < 0 ? words : words.slice(0, firstOption)
const options = firstOption < 0 ? [] : words.slice(firstOption)
const benches = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.replace('.bench.ts', ''))
const unknown = wanted.filter((name) => !benches.includes(name))
if (unknown.length > 0) {
  console.error(`no benchmark is called ${unknown.join(', ')}; there are ${benches.join(', ')}`)
  process.exit(1)
}

for (const name of wanted.length > 0 ? wanted : benches) {
  console.log(`\n▸ ${name} (Node ${process.versions.node})`)
  const { status } = spawnSync(
    process.execPath,
    ['--conditions=farebox-source', join(import.meta.dirname, `${name}.bench.ts`), ...options],
    {
      stdio: 'inherit',
    },
  )
  if (status !== 0) process.exit(status ?? 1)
}
