import { createProgram, runProgram } from './program.ts'
import type { Terminal } from './terminal.ts'

const terminal: Terminal = {
  table: (rows) => console.table(rows),
  line: (text) => console.log(text),
  error: (text) => console.error(text),
  exitCode: (code) => {
    process.exitCode = code
  },
  ...(process.stderr.isTTY && { progress: (text: string) => void process.stderr.write(`\r\u001b[K${text}`) }),
}

await runProgram(createProgram(terminal), process.argv.slice(2), terminal)
