/** The name, with its mark. */
export function Brand() {
  return (
    <span class="brand">
      <svg class="brand-mark" aria-hidden="true" viewBox="0 0 32 32">
        <rect width="32" height="32" rx="8" fill="var(--accent)" />
        <path
          d="M11 24V11.5A1.5 1.5 0 0 1 12.5 10H22M11 17h8.5"
          fill="none"
          stroke="var(--on-accent)"
          stroke-width="3"
          stroke-linecap="round"
        />
      </svg>
      Farebox
    </span>
  )
}
