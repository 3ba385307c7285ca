/**
 * English, as the pages are written in, with the reader's region: `en-DE`, `en-IN`. In another language, a date would be torn
 * apart among English words, such as one with marks for right-to-left text.
 */
export const locale = englishOf(new Intl.DateTimeFormat().resolvedOptions().locale)

/** The English locale for the region of another locale. An English one stays as it is. */
export function englishOf(given: string): string {
  const { language, region } = new Intl.Locale(given).maximize()
  return language === 'en' || region === undefined ? given : `en-${region}`
}
