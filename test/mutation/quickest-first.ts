import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take seconds, of which the first finds the most. */
const SLOW = ['test/model/machine.test.ts', 'machine/machine.test.ts', 'pricing/src/measure-text.test.ts']

/** The tests of the file that is mutated first, then the others that are plain: a mutant that one of them finds costs milliseconds. */
export class QuickestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // Stryker asks for what is related to the mutated file.
    const [mutated] = this.ctx.config.related ?? []
    const rank = ({ moduleId }: TestSpecification) =>
      moduleId.replace('.test.ts', '.ts') === mutated ? -2 : SLOW.findIndex((name) => moduleId.endsWith(name))
    return files.toSorted((a, b) => rank(a) - rank(b))
  }
}
