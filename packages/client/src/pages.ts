/**
 * The pages of a list, fetched as they are read.
 *
 * @param nextOf  the cursor of the page after one; absent or `null` at the end
 * @param cursor  of the first page. @defaultValue the list's beginning
 */
export async function* pagesOf<Page>(
  fetchPage: (cursor: string | undefined) => Promise<Page>,
  nextOf: (page: Page) => string | null | undefined,
  cursor?: string,
): AsyncGenerator<Page, void, undefined> {
  let next: string | null | undefined = cursor
  do {
    const page: Page = await fetchPage(next)
    yield page
    next = nextOf(page)
  } while (next !== undefined && next !== null)
}

/** The entries of all pages, one after another. */
export async function* entriesOf<Page, Entry>(
  pages: AsyncIterable<Page>,
  entriesIn: (page: Page) => readonly Entry[],
): AsyncGenerator<Entry, void, undefined> {
  for await (const page of pages) yield* entriesIn(page)
}
