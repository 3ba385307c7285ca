#!/usr/bin/env node
import { existsSync } from 'node:fs'

// A clone that was installed and not yet built has this command, and not the program behind it.
const program = new URL('../dist/cli/main.js', import.meta.url)
if (existsSync(program)) await import(program.href)
else {
  console.error('farebox is not built yet: run "npm run build" at the top of the clone, and then this again')
  process.exitCode = 1
}
