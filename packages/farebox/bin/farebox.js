#!/usr/bin/env node
import { existsSync } from 'node:fs'

// A clone that was installed and not yet built has this command, and not the program behind it.
const program = new URL('../dist/cli/main.js', import.meta.url)
const [major, minor] = process.versions.node.split('.').map(Number)
// An older one fails somewhere within, by the name of what it lacks.
if (major < 22 || (major === 22 && minor < 14)) fail(`farebox needs Node 22.14 or later, this is ${process.versions.node}`)
else if (existsSync(program)) await import(program.href)
else fail('farebox is not built yet: run "npm run build" at the top of the clone, and then this again')

function fail(message) {
  console.error(message)
  process.exitCode = 1
}
