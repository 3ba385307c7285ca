import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface Props {
  title: string
  note?: ComponentChildren
  tools?: ComponentChildren
  children: ComponentChildren
}

/** A titled part of a view. */
export function Card({ title, note, tools, children }: Props) {
  const id = useId()
  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <div>
          <h2 id={id}>{title}</h2>
          {note && <p>{note}</p>}
        </div>
        {tools}
      </div>
      {children}
    </section>
  )
}
