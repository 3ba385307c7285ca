/**
 * Iterates over the pages of a list. Fetches each page as the reader reaches it.
 *
 * @param nextOf  returns the cursor of the page after the given one; absent or `null` at the end
 * @param cursor  the cursor of the first page. @defaultValue the list's beginning
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

/** Iterates over the entries of all pages. */
export async function* entriesOf<Page, Entry>(
  pages: AsyncIterable<Page>,
  entriesIn: (page: Page) => readonly Entry[],
): AsyncGenerator<Entry, void, undefined> {
  for await (const page of pages) yield* entriesIn(page)
}
