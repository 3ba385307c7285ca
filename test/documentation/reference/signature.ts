import type { Class, Function as FunctionNode, Span, TSInterfaceDeclaration } from 'oxc-parser'
import type { DocComment } from './doc-comment.ts'
import { type Declaration, findDeclaration, type SourceModule } from './source-module.ts'

/** A member of a class or interface, with its own comment. */
export interface Member {
  name: string
  signature: string
  isMethod: boolean
  doc: DocComment | undefined
  module: SourceModule
}

/** What stands beside a name in the reference: TypeScript without bodies and comments. */
export function signatureOf({ nodes, module, name }: Declaration): string {
  const bodies = nodes.filter((node) => (node.type === 'FunctionDeclaration' || node.type === 'TSDeclareFunction') && node.body)
  // Of an overloaded function, the last declaration is not for callers.
  const shown = nodes.length > bodies.length ? nodes.filter((node) => !bodies.includes(node)) : nodes
  return shown.map((node) => declarationText(node, module, name)).join('\n')
}

function declarationText(node: Declaration['nodes'][number], module: SourceModule, name: string): string {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
      return functionText(module.text.slice(node.start, node.body?.start ?? node.end))
    case 'ClassDeclaration':
    case 'TSInterfaceDeclaration':
      return oneLine(module.text.slice(node.start, node.body.start))
    case 'TSTypeAliasDeclaration':
      return [sliceOf(node, module).replace(/\{@link ([\w.]+)\}/g, '$1'), ...schemaText(node, module)].join('\n\n')
    case 'VariableDeclaration': {
      const declarator = node.declarations.find(({ id }) => id.type === 'Identifier' && id.name === name)
      return declarator ? constantText(declarator, module, name) : name
    }
    default:
      return name
  }
}

/** The schema of a type that is read off one says what the type only names. */
function schemaText(alias: Span, { file, text }: SourceModule): string[] {
  const [, name] = text.slice(alias.start, alias.end).match(/= z\.(?:output|input|infer)<typeof (\w+)>$/) ?? []
  const schema = name === undefined ? undefined : findDeclaration(file, name)
  return schema ? schema.nodes.map((node) => sliceOf(node, schema.module)) : []
}

type Declarator = Extract<Declaration['nodes'][number], { type: 'VariableDeclaration' }>['declarations'][number]

function constantText({ id, init }: Declarator, module: SourceModule, name: string): string {
  if (id.type === 'Identifier' && id.typeAnnotation) return `const ${oneLine(sliceOf(id, module))}`
  if (init?.type === 'ArrowFunctionExpression')
    return `${name}${oneLine(module.text.slice(init.start, init.body.start).replace(/=>\s*$/, ''))}`
  const value = init?.type === 'TSSatisfiesExpression' ? init.expression : init
  const plain = value?.type === 'TSAsExpression' ? value.expression : value
  if (plain?.type === 'ObjectExpression') {
    const keys = plain.properties.flatMap((each) => (each.type === 'Property' ? [sliceOf(each.key, module)] : []))
    return `const ${name}: { ${keys.join(', ')} }`
  }
  if (plain?.type === 'CallExpression') return `const ${name} = ${oneLine(sliceOf(plain.callee, module))}(…)`
  return value ? `const ${name} = ${oneLine(sliceOf(value, module))}` : `const ${name}`
}

/** What can be used of a class or interface, with what it has from bases that are not shown by themselves. */
export function membersOf(declaration: Declaration, isShown: (base: Declaration) => boolean): Member[] {
  const own = declaration.nodes.flatMap((node) => {
    if (node.type === 'ClassDeclaration') return classMembers(node, declaration)
    return node.type === 'TSInterfaceDeclaration' ? interfaceMembers(node, declaration) : []
  })
  const inherited = declaration.nodes.flatMap((node) => {
    const { file, text } = declaration.module
    const bases = baseNames(node, text).flatMap((name) => findDeclaration(file, name) ?? [])
    return bases.filter((base) => !isShown(base)).flatMap((base) => membersOf(base, isShown))
  })
  return [...own, ...inherited.filter(({ name }) => name !== 'constructor' && own.every((member) => member.name !== name))]
}

function baseNames(node: Declaration['nodes'][number], text: string): string[] {
  if (node.type === 'ClassDeclaration') return node.superClass ? [text.slice(node.superClass.start, node.superClass.end)] : []
  if (node.type !== 'TSInterfaceDeclaration') return []
  return node.extends.map(({ expression }) => text.slice(expression.start, expression.end))
}

function classMembers(node: Class, { module, name: className }: Declaration): Member[] {
  return node.body.body.flatMap((element): Member[] => {
    if (element.type === 'StaticBlock' || element.type === 'TSIndexSignature' || element.key.type === 'PrivateIdentifier')
      return []
    if (element.accessibility === 'private' || element.accessibility === 'protected') return []
    const doc = module.docAt(element.start)
    const isMethod = element.type === 'MethodDefinition' || element.type === 'TSAbstractMethodDefinition'
    const name = sliceOf(element.key, module)
    if (isMethod && element.kind === 'constructor') {
      return [
        {
          name,
          signature: functionText(bodyless(element, element.value, module)).replace('constructor', `new ${className}`),
          isMethod,
          doc,
          module,
        },
      ]
    }
    const signature = isMethod
      ? functionText(bodyless(element, element.value, module)).replace(/^get (\w+)\(\)/, '$1')
      : propertyText(element, module)
    return [
      {
        name,
        signature: signature.replace(/^(?:override |abstract |async )+/, ''),
        isMethod: isMethod && element.kind === 'method',
        doc,
        module,
      },
    ]
  })
}

function propertyText(
  element: { key: Span; value?: Span | null; typeAnnotation?: Span | null } & Span,
  module: SourceModule,
): string {
  const text =
    element.value && element.typeAnnotation
      ? module.text.slice(element.start, element.typeAnnotation.end)
      : sliceOf(element, module)
  return oneLine(text).replace(/;$/, '')
}

function interfaceMembers(node: TSInterfaceDeclaration, { module }: Declaration): Member[] {
  return node.body.body.map((signature): Member => {
    const key = 'key' in signature ? sliceOf(signature.key, module) : ''
    return {
      name: key,
      signature: oneLine(sliceOf(signature, module)).replace(/[;,]$/, ''),
      isMethod: false,
      doc: module.docAt(signature.start),
      module,
    }
  })
}

function bodyless(element: Span, value: FunctionNode, module: SourceModule): string {
  return module.text.slice(element.start, value.body?.start ?? element.end)
}

/** Whether a promise is made by `async`, or an iterable by a generator, is nothing that a caller sees. */
function functionText(text: string): string {
  return oneLine(text)
    .replace(/\basync (?=[\w*[#])/, '')
    .replace(/^(function)?\s*\*\s*/, (_, word) => (word ? 'function ' : ''))
}

function sliceOf({ start, end }: Span, module: SourceModule): string {
  return module.text.slice(start, end)
}

/** A signature that was written over several lines, in one: members of an object type are then parted by semicolons. */
function oneLine(text: string): string {
  const lines = text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .split('\n')
    .map((line) => line.replace(/\s\/\/ .*$/, '').trim())
    .filter((line) => line !== '')
  return lines
    .reduce((joined, line) => {
      if (/[({]$/.test(joined)) return joined + (joined.endsWith('{') ? ' ' : '') + line
      if (/^[)]/.test(line)) return joined.replace(/,$/, '') + line
      if (/^\}/.test(line)) return `${joined.replace(/,$/, '')} ${line}`
      const isWithin = /(?:[,|&<[=:?]|=>|extends)$/.test(joined) || /^(?:[}\]>|&?:=]|extends\b|implements\b)/.test(line)
      return `${joined}${isWithin ? ' ' : '; '}${line}`
    }, '')
    .replace(/^; /, '')
    .replace(/^export /, '')
    .trim()
}
