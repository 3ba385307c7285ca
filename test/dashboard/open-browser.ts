import { existsSync } from 'node:fs'
import sparticuz from '@sparticuz/chromium'
import { type Browser, chromium } from 'playwright-core'

/**
 * A headless Chromium: the one that CHROMIUM_PATH names, the one that comes with the test suite's packages (for Linux on x64), or an installed one.
 *
 * @throws {Error} there is none, with how to get one
 */
export async function openBrowser(): Promise<Browser> {
  const { path, options } = await findChromium()
  return chromium.launch({ executablePath: path, args: options })
}

async function findChromium(): Promise<{ path: string; options: string[] }> {
  const named = process.env.CHROMIUM_PATH
  if (named) return { path: named, options: ['--no-sandbox'] }
  if (process.platform === 'linux' && process.arch === 'x64') {
    return {
      path: await sparticuz.executablePath(),
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
