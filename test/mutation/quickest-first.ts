import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take seconds, of which the first finds the most. */
const SLOW = ['test/model/machine.test.ts', 'machine/machine.test.ts', 'pricing/src/measure-text.test.ts']

/** Plain tests first: a mutant that one of them finds costs milliseconds. */
export class QuickestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => SLOW.findIndex((name) => moduleId.endsWith(name))
    return files.toSorted((a, b) => rank(a) - rank(b))
  }
}
