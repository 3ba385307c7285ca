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

// Commands print what they have already done, so nothing is left to do when the reader stops: `farebox export | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  // Most likely the disk is full. The output is incomplete.
  console.error(`farebox: the output cannot be written: ${error.message}`)
  process.exit(1)
})
// The work goes on, even if nobody reads its progress any more.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

await runProgram(createProgram(terminal), process.argv.slice(2), terminal)
// Exit explicitly: a pool or timer that the host's module opened would keep `reconcile` running. A failed write is reported
// above.
process.stdout.write('', (error) => {
  // Errors too are on their way still where a terminal or a pipe is asynchronous, as on Windows.
  if (!error) process.stderr.write('', () => process.exit())
})
