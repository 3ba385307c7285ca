import { useState } from 'preact/hooks'
import { applyTheme, chosenTheme, type Theme } from '../state/apply-theme.ts'
import { Icon, type IconName } from './icon.tsx'

const themes: readonly (readonly [theme: Theme, label: string, icon: IconName])[] = [
  ['system', 'system', 'screen'],
  ['light', 'light', 'sun'],
  ['dark', 'dark', 'moon'],
]

/** A button that cycles through the themes: system, light, dark. */
export function ThemeChoice() {
  const [theme, setTheme] = useState(chosenTheme)
  const place = themes.findIndex(([each]) => each === theme)
  const [, label, icon] = themes[place] ?? ['system', 'system', 'screen']
  const choose = () => {
    const next = themes[(place + 1) % themes.length]?.[0] ?? 'system'
    applyTheme(next)
    setTheme(next)
  }
  return (
    <button type="button" class="side-button" onClick={choose}>
      <Icon name={icon} />
      Theme: {label}
    </button>
  )
}
