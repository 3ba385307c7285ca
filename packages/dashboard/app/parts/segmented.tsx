import { useId } from 'preact/hooks'

interface Props<Value extends string> {
  /** What the options are about, for screen readers. */
  label: string
  value: Value
  options: readonly (readonly [value: Value, label: string])[]
  onChange(value: Value): void
}

/** A choice between a few options, side by side. They are radio buttons, so that the arrow keys move between them. */
export function Segmented<Value extends string>({ label, value, options, onChange }: Props<Value>) {
  const name = useId()
  return (
    <fieldset class="segmented">
      <legend>{label}</legend>
      {options.map(([each, text]) => (
        <label key={each}>
          <input
            type="radio"
            name={name}
            value={each}
            checked={each === value}
            onChange={() => onChange(each)}
            onFocus={showWhole}
          />
          {text}
        </label>
      ))}
    </fieldset>
  )
}

/** Scrolls a row that is wider than the screen, as a browser does for the Tab key but not for the arrow keys. */
function showWhole({ currentTarget }: { currentTarget: HTMLElement }): void {
  currentTarget.closest('label')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
}
