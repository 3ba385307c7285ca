/** The theme that the user chose. `system` follows the device. */
export type Theme = 'system' | 'light' | 'dark'

const KEY = 'farebox.theme'

/** The theme chosen on this device; `system` if none was, or if the browser has no storage. */
export function chosenTheme(): Theme {
  try {
    const kept = localStorage.getItem(KEY)
    return kept === 'light' || kept === 'dark' ? kept : 'system'
  } catch {
    return 'system'
  }
}

/** Shows the page in the given theme and stores the choice, or shows the stored one. */
export function applyTheme(theme?: Theme): void {
  if (theme !== undefined) {
    try {
      if (theme === 'system') localStorage.removeItem(KEY)
      else localStorage.setItem(KEY, theme)
    } catch {
      // Without storage, the choice lasts as long as the page.
    }
  }
  const shown = theme ?? chosenTheme()
  if (shown === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = shown
}
