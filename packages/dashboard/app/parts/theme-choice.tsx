import { useState } from 'preact/hooks'
import { applyTheme, chosenTheme, type Theme } from '../state/apply-theme.ts'
import { Icon, type IconName } from './icon.tsx'

const themes: readonly (readonly [theme: Theme, label: string, icon: IconName])[] = [
  ['system', 'As the device', 'screen'],
  ['light', 'Light', 'sun'],
  ['dark', 'Dark', 'moon'],
]

/** Goes through the themes: as the device, light, dark. */
export function ThemeChoice() {
  const [theme, setTheme] = useState(chosenTheme)
  const place = themes.findIndex(([each]) => each === theme)
  const [, label, icon] = themes[place] ?? ['system', 'As the device', 'screen']
  const choose = () => {
    const next = themes[(place + 1) % themes.length]?.[0] ?? 'system'
    applyTheme(next)
    setTheme(next)
  }
  return (
    <button type="button" class="side-button" onClick={choose}>
      <Icon name={icon} />
      <span>
        <span class="unseen">Theme: </span>
        {label}
      </span>
    </button>
  )
}
