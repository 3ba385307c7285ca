import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** Writes `src/migrations.generated.ts` from `sql/`, so that a bundled ledger carries its schema. Run after adding a migration. */
const root = new URL('../', import.meta.url)

export function embeddedMigrations(): string {
  const dialects = ['sqlite', 'postgres'].map((dialect) => {
    const folder = new URL(`sql/${dialect}/`, root)
    const files = readdirSync(folder).filter((file) => file.endsWith('.sql'))
    const entries = files.sort().map((file) => {
      const [, number, name] = /^(\d{4})_([a-z_]+)\.sql$/.exec(file) ?? []
      if (!number || !name) throw new Error(`${dialect}/${file} is not named like 0001_name.sql`)
      const sql = readFileSync(new URL(file, folder), 'utf8')
      return `    { number: ${Number(number)}, name: '${name}', sql: ${templateLiteral(sql)} },`
    })
    return `  ${dialect}: [\n${entries.join('\n')}\n  ],`
  })
  return [
    '// Made by scripts/embed-migrations.ts from the files under sql/. Change those, then run `pnpm --filter @farebox/ledger migrations`.',
    "import type { Migration } from './migrations.ts'",
    '',
    'export const migrations: Readonly<Record<string, readonly Migration[]>> = {',
    ...dialects,
    '}',
    '',
  ].join('\n')
}

function templateLiteral(text: string): string {
  return `\`${text.replace(/[\\`]|\$\{/g, (found) => `\\${found}`)}\``
}

if (import.meta.main) writeFileSync(new URL('src/migrations.generated.ts', root), embeddedMigrations())
