import { execFile } from 'node:child_process'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { build as bundle } from 'tsup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildPackages } from '../../packages/build.ts'
import { entryPoints, type Manifest, repositoryFolder, workspacePackages } from './workspace.ts'

// What users get: the packed tarballs, looked at from outside the workspace.

const packages = workspacePackages('packages')
let scratch: string
let tarballs: Map<string, string>

beforeAll(async () => {
  await buildPackages()
  scratch = await mkdtemp(join(tmpdir(), 'farebox-packaging-'))
  await pack()
  tarballs = new Map(packages.map(({ manifest }) => [manifest.name, tarballIn(scratch, manifest)]))
}, 120_000)

afterAll(() => rm(scratch, { recursive: true, force: true }))

describe.each(packages.map(({ manifest }) => [manifest.name, manifest] as const))('%s, packed', (name, packed) => {
  it('breaks no rule of publishing', async () => {
    const data = await readFile(tarballOf(name))
    const { messages, pkg } = await publint({ pack: { tarball: Uint8Array.from(data).buffer }, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
  })

  it('has types that resolve, for every entry, the way its JavaScript does', async () => {
    const analysis = await checkPackage(createPackageFromTarballData(await readFile(tarballOf(name))))
    expect(analysis.types).not.toBe(false)
    const problems = analysis.types === false ? [] : analysis.problems
    // ES modules only: CommonJS on Node 22 may require() them, and the resolution of Node 10 knows no exports map.
    const supported = problems.filter(
      (problem) =>
        !('resolutionKind' in problem && (problem.resolutionKind === 'node10' || problem.resolutionKind === 'node16-cjs')),
    )
    expect(supported).toEqual([])
  })

  it('depends on its sister packages by version, not by folder', async () => {
    const { stdout } = await run('tar', ['-xzOf', tarballOf(name), 'package/package.json'], scratch)
    const { dependencies = {} } = JSON.parse(stdout) as Manifest
    expect(Object.values(dependencies).filter((range) => /^(?:workspace|link|file):/.test(range))).toEqual([])
    expect(Object.keys(dependencies)).toEqual(Object.keys(packed.dependencies ?? {}))
  })

  it('brings its sources and no tests', async () => {
    const { stdout } = await run('tar', ['-tzf', tarballOf(name)], scratch)
    const files = stdout.split('\n')
    expect(files.filter((file) => file.includes('.test.'))).toEqual([])
    expect(files.some((file) => file.startsWith('package/src/'))).toBe(true)
  })

  it('brings whatever its maps lead to', async () => {
    const folder = join(scratch, 'unpacked', name)
    await mkdir(folder, { recursive: true })
    await run('tar', ['-xzf', tarballOf(name), '-C', folder], scratch)
    const lost = globSync('**/*.map', { cwd: folder }).flatMap((map) => {
      const { sources } = JSON.parse(readFileSync(join(folder, map), 'utf8')) as { sources: string[] }
      return sources.filter((source) => !existsSync(join(folder, dirname(map), source))).map((source) => `${map}: ${source}`)
    })
    expect(lost).toEqual([])
  })

  it('names beside what is imported only files that are there, for a bundler looks for them at build time', async () => {
    const folder = join(scratch, 'looked-through', name)
    await mkdir(folder, { recursive: true })
    await run('tar', ['-xzf', tarballOf(name), '-C', folder], scratch)
    const lost = globSync('package/dist/**/*.js', { cwd: folder, exclude: ['package/dist/pages', 'package/dist/cli'] }).flatMap(
      (module) =>
        [...readFileSync(join(folder, module), 'utf8').matchAll(/new URL\(\s*["'](\.\.?\/[^"']*)["']/g)]
          .map(([, path = '']) => path)
          .filter((path) => !statSync(join(folder, dirname(module), path), { throwIfNoEntry: false })?.isFile())
          .map((path) => `${module}: ${path}`),
    )
    expect(lost).toEqual([])
  })
})

describe('a project that installs the tarballs', () => {
  let project: string

  beforeAll(async () => {
    project = join(scratch, 'project')
    await mkdir(project)
    const files = Object.fromEntries([...tarballs].map(([name, tarball]) => [name, `file:${tarball}`]))
    await writeFile(
      join(project, 'package.json'),
      // The overrides keep npm from asking the registry for sister packages that are not published yet.
      JSON.stringify({
        private: true,
        type: 'module',
        dependencies: { ...files, ...peersToInstall() },
        overrides: toReferences(files),
      }),
    )
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'], project)
  }, 180_000)

  it('can import every entry', async () => {
    const specifiers = runtimeEntries()
    await writeFile(
      join(project, 'imports.js'),
      `for (const specifier of ${JSON.stringify(specifiers)}) {
        await import(specifier).catch((error) => { throw new Error(specifier + ': ' + error.message, { cause: error }) })
      }
      console.log('imported')`,
    )
    expect((await run(process.execPath, ['imports.js'], project)).stdout).toBe('imported\n')
  })

  it('can be required by CommonJS, every entry of it', async () => {
    await writeFile(
      join(project, 'requires.cjs'),
      `for (const specifier of ${JSON.stringify(runtimeEntries())}) require(specifier)
      console.log('required')`,
    )
    expect((await run(process.execPath, ['requires.cjs'], project)).stdout).toBe('required\n')
  })

  it('has a command that answers', async () => {
    expect((await run(join(project, 'node_modules/.bin/farebox'), ['--help'], project)).stdout).toMatch(/^Usage: farebox /)
  })

  const writes = (writer: string) => `
    import { Ledger } from '@farebox/ledger'
    import { sqlite } from '@farebox/ledger/sqlite'
    const ledger = new Ledger(sqlite({ filename: '${writer.replace(' ', '-')}.db', writer: '${writer}' }))
    await ledger.migrate()
    const open = (_, index) => ledger.openAccount({ name: 'Ada' + index })
    for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 20 }, open))
    console.log((await ledger.accounts()).length)
    await ledger.close()`

  it('finds the program of the thread that writes to SQLite', async () => {
    await writeFile(join(project, 'thread.js'), writes('thread'))
    expect((await run(process.execPath, ['thread.js'], project)).stdout).toBe('100\n')
  })

  it('writes in a program that was bundled into one file', async () => {
    await writeFile(join(project, 'bundled.js'), writes('event loop'))
    const outDir = join(project, 'bundled')
    await bundle({
      config: false,
      entry: [join(project, 'bundled.js')],
      outDir,
      format: 'esm',
      platform: 'node',
      noExternal: [/farebox/, 'uuid', 'lru-cache'],
      external: ['better-sqlite3'],
      silent: true,
    })
    expect((await run(process.execPath, ['bundled.js'], outDir)).stdout).toBe('100\n')
  })

  it.each(['esm', 'cjs'] as const)(
    'answers in a program that was bundled as %s where neither tokenizer nor SDK is installed',
    async (format) => {
      const name = `chats-${format}`
      await writeFile(
        join(project, `${name}.js`),
        `import { sqlite } from '@farebox/ledger/sqlite'
      import { openai } from '@farebox/providers/openai'
      import { simulated } from '@farebox/providers/simulated'
      import { createFarebox, credits } from 'farebox'
      const main = async () => {
        const providers = [openai({ apiKey: undefined, transport: 'fetch' }), simulated()]
        const box = createFarebox({ store: sqlite({ filename: ':memory:' }), providers })
        await box.migrate()
        const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
        await box.ledger.grant({ accountId, amount: credits(10) })
        console.log((await box.workflow({ accountId, name: 'x' }).chat({ messages: [{ role: 'user', content: 'Hi' }] })).provider)
        await box.close()
      }
      void main()`,
      )
      const outDir = join(project, name)
      const [tokenizer, aside] = [join(project, 'node_modules/gpt-tokenizer'), join(project, 'gpt-tokenizer')]
      await rename(tokenizer, aside)
      try {
        await bundle({
          config: false,
          entry: [join(project, `${name}.js`)],
          outDir,
          format,
          platform: 'node',
          noExternal: [/^@?farebox/, /^openai/, /^gpt-tokenizer/],
          external: ['better-sqlite3', 'rate-limiter-flexible'],
          silent: true,
        })
        const program = format === 'esm' ? `${name}.js` : `${name}.cjs`
        expect((await run(process.execPath, [program], outDir)).stdout).toBe('gpt-4o-mini\n')
      } finally {
        await rename(aside, tokenizer)
      }
    },
  )

  it('answers in a program that Vite bundled, which puts a module that throws in the place of a package that is not installed', async () => {
    await writeFile(
      join(project, 'chats-vite.js'),
      `import { sqlite } from '@farebox/ledger/sqlite'
      import { anthropic } from '@farebox/providers/anthropic'
      import { simulated } from '@farebox/providers/simulated'
      import { createFarebox, credits, presets } from 'farebox'
      const providers = [anthropic({ apiKey: 'x' }), simulated()]
      const configuration = presets.balanced({ primaryAiModel: 'claude-3-haiku', fallbackAiModel: 'gpt-4o-mini' })
      const box = createFarebox({ store: sqlite({ filename: ':memory:' }), providers, configuration })
      await box.migrate()
      const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
      await box.ledger.grant({ accountId, amount: credits(10) })
      const workflow = box.workflow({ accountId, name: 'x' })
      await workflow.chat({ messages: [{ role: 'user', content: 'Hi' }] })
      console.log((await workflow.close()).attempts.map(({ provider, error }) => [provider, error].join(' ')).join())
      await box.close()`,
    )
    const outDir = join(project, 'chats-vite')
    const [tokenizer, aside] = [join(project, 'node_modules/gpt-tokenizer'), join(project, 'gpt-tokenizer')]
    // Vite is what Vitest runs on.
    const vitest = createRequire(join(repositoryFolder, 'node_modules/vitest/package.json'))
    const vite = (await import(vitest.resolve('vite'))) as { build(config: object): Promise<unknown> }
    await rename(tokenizer, aside)
    try {
      await vite.build({
        root: project,
        configFile: false,
        logLevel: 'silent',
        build: { ssr: 'chats-vite.js', outDir, rolldownOptions: { output: { entryFileNames: '[name].js' } } },
        ssr: { noExternal: [/^@?farebox/], external: ['better-sqlite3'] },
      })
      const { stdout } = await run(process.execPath, ['chats-vite.js'], outDir)
      expect(stdout).toBe('claude-3-haiku unsupported,claude-3-haiku \n')
    } finally {
      await rename(aside, tokenizer)
    }
  })

  it('answers in an ES module that ncc bundled, which puts a require in the place of a package that is not installed', async () => {
    await writeFile(
      join(project, 'chats-ncc.js'),
      `import { sqlite } from '@farebox/ledger/sqlite'
      import { anthropic } from '@farebox/providers/anthropic'
      import { simulated } from '@farebox/providers/simulated'
      import { createFarebox, credits, presets } from 'farebox'
      const providers = [anthropic({ apiKey: 'x' }), simulated()]
      const configuration = presets.balanced({ primaryAiModel: 'claude-3-haiku', fallbackAiModel: 'gpt-4o-mini' })
      const box = createFarebox({ store: sqlite({ filename: ':memory:' }), providers, configuration })
      await box.migrate()
      const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
      await box.ledger.grant({ accountId, amount: credits(10) })
      const workflow = box.workflow({ accountId, name: 'x' })
      await workflow.chat({ messages: [{ role: 'user', content: 'Hi' }] })
      console.log((await workflow.close()).attempts.map(({ provider, error }) => [provider, error].join(' ')).join())
      await box.close()`,
    )
    const outDir = join(project, 'chats-ncc')
    const asNcc: NonNullable<Parameters<typeof bundle>[0]['esbuildPlugins']>[number] = {
      name: 'absent packages, as ncc writes them',
      setup(build) {
        build.onResolve({ filter: /^(gpt-tokenizer|@anthropic-ai)\// }, ({ path }) => ({ path, namespace: 'absent' }))
        build.onLoad({ filter: /^/, namespace: 'absent' }, ({ path }) => ({
          contents: `module.exports = eval("require")(${JSON.stringify(path)})`,
        }))
      },
    }
    await bundle({
      config: false,
      entry: [join(project, 'chats-ncc.js')],
      outDir,
      format: 'esm',
      platform: 'node',
      noExternal: [/^@?farebox/, /^@anthropic-ai/, /^gpt-tokenizer/],
      external: ['better-sqlite3', 'rate-limiter-flexible'],
      esbuildPlugins: [asNcc],
      silent: true,
    })
    const { stdout } = await run(process.execPath, ['chats-ncc.js'], outDir)
    expect(stdout).toBe('claude-3-haiku unsupported,claude-3-haiku \n')
  })

  it('serves the dashboard in a program that was bundled as CommonJS, and says what a bundle cannot do', async () => {
    const pagesFolder = join(project, 'node_modules/@farebox/dashboard/dist/pages')
    await writeFile(
      join(project, 'pages.js'),
      `import { dashboard } from '@farebox/dashboard'
      import { sqlite } from '@farebox/ledger/sqlite'
      const ask = (options) => dashboard(options)(new Request('http://localhost/dashboard')).then(({ status }) => status, ({ message }) => message)
      const open = async () => sqlite({ filename: 'bundled.db', writer: 'thread' })
      const main = async () => {
        console.log(await ask({ pagesFolder: ${JSON.stringify(pagesFolder)} }))
        console.log(await ask())
        await open().catch(({ code, message }) => console.log(code, message))
      }
      void main()`,
    )
    const outDir = join(project, 'pages')
    const options = { platform: 'node' as const, noExternal: [/farebox/, /^hono/, /^@hono/, 'uuid', 'lru-cache'], silent: true }
    const entry = [join(project, 'pages.js')]
    const written: string[] = []
    for (const format of ['cjs', 'esm'] as const) {
      await bundle({ ...options, config: false, entry, outDir, format, external: ['better-sqlite3'] })
      written.push((await run(process.execPath, [format === 'cjs' ? 'pages.cjs' : 'pages.js'], outDir)).stdout)
    }
    const [cjs = [], esm = []] = written.map((text) => text.trim().split('\n'))
    expect(cjs[0]).toBe('200')
    expect(cjs[1]).toMatch(/^bundled as CommonJS, the dashboard cannot find its pages: say with pagesFolder/)
    expect(esm[0]).toBe('200')
    expect(esm[1]).toMatch(/^the pages of the dashboard are not at .*pagesFolder/)
    for (const lines of [cjs, esm]) expect(lines[2]).toMatch(/^INVALID_OPTION sqlite\(\{ writer: 'thread' \}\) cannot be bundled/)
  })

  it('finds the packages beside a program that was bundled as CommonJS', async () => {
    await linkFromWorkspace(['@cartesia/cartesia-js', 'ws'])
    await writeFile(
      join(project, 'beside.js'),
      `import threads from 'node:worker_threads'
      import { Ledger } from '@farebox/ledger'
      import { sqlite } from '@farebox/ledger/sqlite'
      import { cartesia } from '@farebox/providers/cartesia'
      let started = 0
      const { Worker } = threads
      threads.Worker = class extends Worker {
        constructor(...given) {
          super(...given)
          started++
        }
      }
      const main = async () => {
        const speech = cartesia({ apiKey: 'x', baseURL: 'http://127.0.0.1:1', transport: 'websocket' })
        const context = { signal: new AbortController().signal, requestId: 'x' }
        const first = speech.streamSpeech({ model: 'sonic-3', text: 'Hi', voice: 'v', format: 'pcm' }, context)[Symbol.asyncIterator]().next()
        console.log(await first.catch(({ cause }) => cause.code))
        const ledger = new Ledger(sqlite({ filename: 'beside.db', synchronous: 'normal' }))
        await ledger.migrate()
        // The write-ahead log is copied by a thread once it has grown.
        for (let round = 0; round < 900; round++) await ledger.openAccount({ name: 'Ada' })
        await ledger.close()
        console.log(started)
      }
      void main()`,
    )
    const outDir = join(project, 'beside')
    await bundle({
      config: false,
      entry: [join(project, 'beside.js')],
      outDir,
      format: 'cjs',
      platform: 'node',
      noExternal: [/farebox/, 'uuid', 'lru-cache'],
      external: ['better-sqlite3', /^@cartesia/],
      silent: true,
    })
    expect((await run(process.execPath, ['beside.cjs'], outDir)).stdout).toBe('ECONNREFUSED\n1\n')
  })

  it.each(['nodenext', 'bundler'])('gets types for every entry with module resolution "%s"', async (moduleResolution) => {
    await linkFromWorkspace(['vitest', '@types/node'])
    const entries = packages.flatMap(entryPoints).map(({ specifier }) => specifier)
    await writeFile(
      join(project, 'program.ts'),
      `${entries.map((specifier, index) => `import * as entry${index} from '${specifier}'`).join('\n')}
      ${entries.map((_, index) => `// @ts-expect-error -- a module without types would let any name pass\nentry${index}.noSuchName`).join('\n')}
      import { type Credits, credits } from '@farebox/core'
      export const amount: Credits = credits('1.5')
      // @ts-expect-error -- a bare bigint says no unit
      export const bare: Credits = 15n`,
    )
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      target: 'es2023',
      module: moduleResolution === 'bundler' ? 'esnext' : moduleResolution,
      moduleResolution,
      lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'],
      types: ['node'],
    }
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))

    // Library checking stays on, for it is our declarations that are on trial; those of others are not.
    const compiler = join(repositoryFolder, 'node_modules/typescript/bin/tsc')
    const output = await run(process.execPath, [compiler, '-p', project, '--pretty', 'false'], project).then(
      ({ stdout }) => stdout,
      (error: { stdout?: string }) => error.stdout ?? String(error),
    )
    expect(output.split('\n').filter((line) => /^(?:program\.ts|node_modules\/(?:@farebox|farebox)\/|error)/.test(line))).toEqual(
      [],
    )
  })

  it('takes what an environment may lack, as our pages give it, where undefined is not the same as absent', async () => {
    await linkFromWorkspace(['@types/express', '@types/koa', '@types/node'])
    const names = ['openai', 'anthropic', 'deepgram', 'cartesia', 'elevenlabs', 'twilio', 'livekit']
    const [ACCOUNT, KEY] = ['process.env.ACCOUNT', 'process.env.KEY']
    const settings = (name: string) => {
      if (name === 'twilio') return `accountSid: ${ACCOUNT}, authToken: ${KEY}, from: ${ACCOUNT}`
      return name === 'livekit' ? `url: ${ACCOUNT}, apiKey: ${ACCOUNT}, apiSecret: ${KEY}` : `apiKey: ${KEY}`
    }
    await writeFile(
      join(project, 'exact.ts'),
      `import { ProviderError } from '@farebox/core'
      import { postgres } from '@farebox/ledger/postgres'
      import express from 'express'
      import { createFarebox } from 'farebox'
      import { farebox, fareboxErrors, fareboxRoutes } from 'farebox/express'
      import * as koa from 'farebox/koa'
      import Koa from 'koa'
      ${names.map((name) => `import { ${name} } from '@farebox/providers/${name}'`).join('\n')}
      const box = createFarebox({
        store: postgres({ connectionString: process.env.DATABASE_URL }),
        providers: [${names.map((name) => `${name}({ ${settings(name)} })`).join(', ')}],
      })
      const routes = { adminToken: process.env.FAREBOX_ADMIN_TOKEN }
      const mount = { workflow: 'support' }
      const app = express().use(fareboxRoutes(box, routes)).use('/ai', farebox(box, mount)).use(fareboxErrors())
      app.get('/ai', async (req, res) => void res.json(await req.farebox.receipt()))
      const koaApp = new Koa<koa.FareboxState>()
      koaApp.use(koa.fareboxRoutes(box, routes))
      const ai = koa.farebox(box, mount)
      koaApp.use((ctx, next) => (ctx.path.startsWith('/ai/') ? ai(ctx, next) : next()))
      export const failure = (response?: Response) =>
        new ProviderError('it failed', { provider: 'acme', kind: 'network', status: response?.status, retryAfterMs: undefined })`,
    )
    // Without a word about the tsconfig.json of the test above, beside which no file may be named.
    const options =
      '--ignoreConfig --strict --exactOptionalPropertyTypes --noEmit --target es2023 --module nodenext --types node --pretty false'
    const compiler = join(repositoryFolder, 'node_modules/typescript/bin/tsc')
    const told = await run(process.execPath, [compiler, ...options.split(' '), 'exact.ts'], project).then(
      ({ stdout }) => stdout,
      (error: { stdout?: string }) => error.stdout ?? String(error),
    )
    expect(told.split('\n').filter((line) => /^(?:exact\.ts|error)/.test(line))).toEqual([])
  })

  async function linkFromWorkspace(names: string[]): Promise<void> {
    for (const name of names) {
      const target = join(project, 'node_modules', name)
      await mkdir(dirname(target), { recursive: true })
      await rm(target, { recursive: true, force: true })
      await symlink(join(repositoryFolder, 'node_modules', name), target)
    }
  }
})

/** Entries for test suites import Vitest, which exists only inside a test run; their types are checked with the rest. */
function runtimeEntries(): string[] {
  return packages
    .flatMap(entryPoints)
    .map(({ specifier }) => specifier)
    .filter((specifier) => !specifier.endsWith('/conformance'))
}

/**
 * Optional peers at the version the workspace develops against. Vitest is only linked, for its types; the providers' SDKs are left out, because
 * whoever imports an adapter need not have installed its SDK. `undici-fetch` is undici's, and wants it.
 */
function peersToInstall(): Record<string, string> {
  return Object.fromEntries(
    packages.flatMap(({ folder, manifest }) =>
      Object.keys(manifest.peerDependencies ?? {})
        .filter((peer) => (manifest.name === '@farebox/providers' ? peer === 'undici' : peer !== 'vitest'))
        .map((peer) => [peer, installedVersion(folder, peer)]),
    ),
  )
}

function installedVersion(folder: string, name: string): string {
  const require = createRequire(join(repositoryFolder, folder, 'package.json'))
  for (const modules of require.resolve.paths(name) ?? []) {
    const manifest = join(modules, name, 'package.json')
    if (statSync(manifest, { throwIfNoEntry: false })) return (require(manifest) as Manifest).version
  }
  throw new Error(`${name}, a peer of ${folder}, is not installed`)
}

/** npm's way of saying "the same as in our dependencies". */
function toReferences(dependencies: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.keys(dependencies).map((name) => [name, `$${name}`]))
}

/** As the front page says. All packages by one call, for each call takes a second or two before it packs. */
async function pack(): Promise<void> {
  await run('npm', ['run', '--silent', 'tarballs', '--', scratch], repositoryFolder)
}

/** As pnpm names them. */
function tarballIn(folder: string, { name, version }: Manifest): string {
  return join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
}

function tarballOf(name: string): string {
  return tarballs.get(name) ?? ''
}

async function run(program: string, parameters: string[], cwd: string): Promise<{ stdout: string; stderr: string }> {
  // The Node that runs the tests also runs npm and the project.
  const path = [dirname(process.execPath), process.env.PATH].join(delimiter)
  return await promisify(execFile)(program, parameters, { cwd, env: { ...process.env, PATH: path } })
}
