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

// Commands print what they have done, so there is nothing left to do for whoever has read enough: `farebox export | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  // A disk that is full, most likely: what was printed is not whole.
  console.error(`farebox: the output cannot be written: ${error.message}`)
  process.exit(1)
})
// Progress is told while work goes on, which does not end with its reader.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

await runProgram(createProgram(terminal), process.argv.slice(2), terminal)
// What a module of the host's has opened for itself, such as a pool or a timer, would keep `reconcile` from ending. A failure is told above.
process.stdout.write('', (error) => {
  // Errors too are on their way still where a terminal or a pipe is asynchronous, as on Windows.
  if (!error) process.stderr.write('', () => process.exit())
})
