import { expect, it } from 'vitest'
import { entryPoints, exportedNames, workspacePackages } from './workspace.ts'

/** A name that appears or goes is a decision, so it is seen in review. `vitest run -u` in this folder accepts the change. */
it('exports the names on the committed list, and no others', async () => {
  const list = workspacePackages('packages')
    .flatMap(entryPoints)
    .map(({ specifier, source }) => [specifier, ...exportedNames(source).map((name) => `  ${name}`)].join('\n'))
  await expect(`${list.join('\n\n')}\n`).toMatchFileSnapshot('exported-names.txt')
})
