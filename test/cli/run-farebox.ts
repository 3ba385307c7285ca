import { createProgram, runProgram } from '../../packages/farebox/src/cli/program.ts'

/** What a command has said, and how it ended. */
export interface Ran {
  code: number
  lines: string[]
  errors: string[]
  tables: object[][]
}

/** Runs a command as a shell would, and keeps what it says. */
export async function farebox(...parameters: string[]): Promise<Ran> {
  const ran: Ran = { code: 0, lines: [], errors: [], tables: [] }
  const terminal = {
    table: (rows: readonly object[]) => void ran.tables.push([...rows]),
    line: (text: string) => void ran.lines.push(text),
    error: (text: string) => void ran.errors.push(text),
    exitCode: (code: number) => {
      ran.code = code
    },
  }
  await runProgram(createProgram(terminal), parameters, terminal)
  return ran
}
