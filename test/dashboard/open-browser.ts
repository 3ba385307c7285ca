import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sparticuz from '@sparticuz/chromium'
import { type Browser, chromium } from 'playwright-core'

/**
 * A headless Chromium: the one that CHROMIUM_PATH names, the one that comes with the test suite's packages (for Linux on x64), or an installed one.
 *
 * @throws {Error} there is none, with how to get one
 */
export async function openBrowser(): Promise<Browser> {
  const { path, options } = await findChromium()
  return chromium.launch({ executablePath: path, args: options, timeout: 90_000 })
}

async function findChromium(): Promise<{ path: string; options: string[] }> {
  const named = process.env.CHROMIUM_PATH
  if (named) return { path: named, options: ['--no-sandbox'] }
  if (process.platform === 'linux' && process.arch === 'x64') {
    return {
      path: await unpackedChromium(),
      options: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--font-render-hinting=none'],
    }
  }
  const installed = [
    '/usr/bin/chromium',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ].find(existsSync)
  if (installed === undefined) throw new Error('no Chromium was found: install one, or say with CHROMIUM_PATH where it is')
  return { path: installed, options: ['--no-sandbox'] }
}

/**
 * The Chromium of the test suite's packages, unpacked once for all processes. The package itself would give one process what another has only begun to
 * unpack, and it takes the folder for temporary files from the environment.
 */
async function unpackedChromium(): Promise<string> {
  const manifest = join(createRequire(import.meta.url).resolve('@sparticuz/chromium'), '../../package.json')
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  const folder = join(tmpdir(), `farebox-chromium-${version}`)
  const path = join(folder, 'chromium')
  if (existsSync(path)) return path
  const { TMPDIR } = process.env
  const unpacking = await mkdtemp(`${folder}-`)
  process.env.TMPDIR = unpacking
  try {
    await sparticuz.executablePath()
    // Whoever comes second finds the folder there.
    await rename(unpacking, folder).catch((error: unknown) => {
      if (!existsSync(path)) throw error
    })
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
    await rm(unpacking, { recursive: true, force: true })
  }
  return path
}
