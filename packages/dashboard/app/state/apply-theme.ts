/** What a reader has chosen; `system` follows the device. */
export type Theme = 'system' | 'light' | 'dark'

const KEY = 'farebox.theme'

/** The theme that was chosen on this device. A browser that keeps nothing has chosen none. */
export function chosenTheme(): Theme {
  try {
    const kept = localStorage.getItem(KEY)
    return kept === 'light' || kept === 'dark' ? kept : 'system'
  } catch {
    return 'system'
  }
}

/** Shows the page in a theme, and keeps a choice. */
export function applyTheme(theme?: Theme): void {
  if (theme !== undefined) {
    try {
      if (theme === 'system') localStorage.removeItem(KEY)
      else localStorage.setItem(KEY, theme)
    } catch {
      // It lasts as long as the page then.
    }
  }
  const shown = theme ?? chosenTheme()
  if (shown === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = shown
}
