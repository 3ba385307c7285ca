/** The anchors that GitHub gives the headings of one page: repeated ones are numbered. */
export class Slugs {
  readonly #seen = new Map<string, number>()

  next(heading: string): string {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-')
    const times = this.#seen.get(slug) ?? 0
    this.#seen.set(slug, times + 1)
    return times === 0 ? slug : `${slug}-${times}`
  }
}
