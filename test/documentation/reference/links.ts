import { relative } from 'node:path'
import { type Declaration, findDeclaration } from './source-module.ts'

/** Where each name is described: the page, relative to the repository, and the heading on it. */
export type Places = ReadonlyMap<string, { page: string; slug: string }>

/** Names a declaration for as long as the sources do not change. */
export function identityOf({ module, name }: Declaration): string {
  return `${module.file}#${name}`
}

/** Where a page points to from itself, and from what is said of `owner` on it. */
export class Links {
  readonly #page: string
  readonly #places: Places
  readonly #owner: string | undefined

  constructor(page: string, places: Places, owner?: string) {
    this.#page = page
    this.#places = places
    this.#owner = owner
  }

  /** The same for the members of a class, whose comments name each other without it. */
  within(owner: string): Links {
    return new Links(this.#page, this.#places, owner)
  }

  /**
   * The address of what `name` means in `file`, or else on this page, where that is described. `Ledger.grant` is described by itself, members
   * that are not with what has them.
   */
  to(file: string, name: string): string | undefined {
    const [first = '', ...members] = name.split('.')
    const declaration = findDeclaration(file, first)
    const identity = declaration && identityOf(declaration)
    const place =
      this.#places.get(`${identity}.${members.join('.')}`) ??
      this.#places.get(`${identity}`) ??
      this.#places.get(`${this.#page}#${this.#owner}.${name}`) ??
      this.#places.get(`${this.#page}#${name}`)
    return place && this.#address(place)
  }

  /** The address of the description of a declaration. */
  toDeclaration(declaration: Declaration): string | undefined {
    const place = this.#places.get(identityOf(declaration))
    return place && this.#address(place)
  }

  /** Prose with its `{@link …}` turned into Markdown. */
  prose(file: string, text: string): string {
    return text.replace(/\{@link\s+([^}\s|]+)(?:\s*\|\s*|\s+)?([^}]*)\}/g, (_, name: string, shown: string) => {
      const address = this.to(file, name)
      const label = shown.trim() || `\`${name}\``
      return address ? `[${label}](${address})` : label
    })
  }

  /** Links to the types that a signature names, each once, in the order in which it names them. */
  ofSignature(file: string, signature: string, except: string): string[] {
    const names = new Set(signature.replace(/'[^']*'/g, '').match(/\b[A-Z]\w+/g) ?? [])
    names.delete(except)
    return [...names].flatMap((name) => {
      const address = this.to(file, name)
      return address ? [`[${name}](${address})`] : []
    })
  }

  #address({ page, slug }: { page: string; slug: string }): string {
    return page === this.#page ? `#${slug}` : `${relative(`${this.#page}/..`, page)}#${slug}`
  }
}
