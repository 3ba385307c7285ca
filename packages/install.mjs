// Installs what the lockfile names, unless it is installed: `node packages/install.mjs npx pnpm install …`.
//
// To ask a package manager takes seconds, and `npm start` and `npm test` ask each time. This runs before anything is installed, on
// whichever Node the machine has, so it is plain JavaScript and imports nothing.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const installed = join(root, 'node_modules')
const stamp = join(installed, '.cache/farebox/install-inputs')

const [program = '', ...parameters] = process.argv.slice(2)
if (!isInStep()) {
  // A run that is cut short leaves no stamp, so the next one installs.
  rmSync(stamp, { force: true })
  const { status, error } = spawnSync(program, parameters, { cwd: root, stdio: 'inherit' })
  if (error) console.error(`${program} could not be started: ${error.message}`)
  process.exitCode = status ?? 1
  if (status === 0) {
    mkdirSync(dirname(stamp), { recursive: true })
    writeFileSync(stamp, digestOfInputs())
  }
}

/** Whether the last install was by these manifests, nobody has installed by another lockfile since, and nothing was taken away. */
function isInStep() {
  const lockfile = read(join(root, 'pnpm-lock.yaml'))
  return (
    lockfile !== undefined &&
    // pnpm keeps here what it installed from, also when it was started by hand on another branch.
    lockfile === read(join(installed, '.pnpm/lock.yaml')) &&
    read(stamp) === digestOfInputs() &&
    folders().every((folder) => !hasDependencies(folder) || existsSync(join(folder, 'node_modules')))
  )
}

function digestOfInputs() {
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc'].map((file) => join(root, file))
  const hash = createHash('sha256').update(JSON.stringify([process.platform, process.arch, parameters]))
  for (const file of [...files, ...folders().map(manifestOf)]) hash.update(JSON.stringify([file, read(file) ?? null]))
  return hash.digest('hex')
}

/** The workspace: its root, and each package and example. */
function folders() {
  const below = ['packages', 'examples'].flatMap((parent) => {
    const names = existsSync(join(root, parent)) ? readdirSync(join(root, parent)) : []
    return names.sort().map((name) => join(root, parent, name))
  })
  return [root, ...below.filter((folder) => existsSync(manifestOf(folder)))]
}

/** @param {string} folder */
function hasDependencies(folder) {
  const { dependencies, devDependencies } = JSON.parse(read(manifestOf(folder)) ?? '{}')
  return Object.keys({ ...dependencies, ...devDependencies }).length > 0
}

/** @param {string} folder */
function manifestOf(folder) {
  return join(folder, 'package.json')
}

/** @param {string} file */
function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}
