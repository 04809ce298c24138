// The laws about the language itself: no hole in the types, no state outside of objects, no ICU, no commented-out
// compiler. docs/architecture.md, law 8; docs/binary.md for ICU.

import { endsInExecutable, finding, isFfi, isTest } from './finding.ts'
import type { FileRule, Finding } from './finding.ts'
import { child, list, text, walk } from './source-file.ts'
import type { SyntaxNode } from './source-file.ts'

function isAsConst(node: SyntaxNode): boolean {
  return text(child(child(node, 'typeAnnotation') ?? node, 'typeName'), 'name') === 'const'
}

/** No `any`, no `!`, no casts (but in the FFI files), no directive that silences the compiler. */
export const typeHoles: FileRule = (file) => {
  const found: Finding[] = []
  walk(file.program, (node) => {
    if (node.type === 'TSAnyKeyword')
      found.push(finding(file, node.start, 'type-hole', "Cannot use 'any': say 'unknown' and check"))
    if (node.type === 'TSNonNullExpression')
      found.push(finding(file, node.start, 'type-hole', "Cannot use '!': handle the missing value"))
    const isCast = node.type === 'TSTypeAssertion' || (node.type === 'TSAsExpression' && !isAsConst(node))
    if (isCast && !isFfi(file.path))
      found.push(finding(file, node.start, 'type-hole', "Cannot cast with 'as': narrow by a check"))
  })
  for (const comment of file.comments) {
    if (/@ts-(ignore|expect-error|nocheck)/.test(comment.value)) {
      found.push(finding(file, comment.start, 'type-hole', 'Cannot silence the compiler'))
    }
  }
  return found
}

function isMutableContainer(declarator: SyntaxNode): boolean {
  const init = child(declarator, 'init')
  const isTyped = child(child(declarator, 'id') ?? declarator, 'typeAnnotation') !== undefined
  if (init === undefined || (isTyped && /Readonly|readonly/.test(JSON.stringify(declarator['id']))))
    return false
  if (init.type === 'NewExpression') {
    const name = text(child(init, 'callee'), 'name') ?? ''
    // A set or map made from a list is a table; an empty one is there to be filled.
    return /^(Weak)?(Map|Set|Ref)$/.test(name) && list(init, 'arguments').length === 0
  }
  if (init.type === 'ArrayExpression') return list(init, 'elements').length === 0
  return init.type === 'ObjectExpression' && list(init, 'properties').length === 0
}

/** No top-level mutable state: PID 1 runs several plans in one life, and tests run many in one process. */
export const topLevelState: FileRule = (file) => {
  if (isTest(file.path)) return []
  const statements = list(file.program, 'body').map((node) =>
    node.type === 'ExportNamedDeclaration' ? (child(node, 'declaration') ?? node) : node,
  )
  return statements.flatMap((node) => {
    if (node.type === 'VariableDeclaration') {
      if (text(node, 'kind') !== 'const' && node['declare'] !== true)
        return [finding(file, node.start, 'state', 'Cannot keep state at the top level: use const')]
      return list(node, 'declarations')
        .filter(isMutableContainer)
        .map((it) =>
          finding(
            file,
            it.start,
            'state',
            'Cannot keep state at the top level: an empty container is there to be filled',
          ),
        )
    }
    if (node.type !== 'ClassDeclaration') return []
    return list(child(node, 'body') ?? node, 'body')
      .filter((it) => it.type === 'PropertyDefinition' && it['static'] === true && it['readonly'] !== true)
      .map((it) =>
        finding(
          file,
          it.start,
          'state',
          'Cannot keep state at the top level: a static property has to be readonly',
        ),
      )
  })
}

const LOCALE_METHODS = /^(localeCompare|toLocale(String|DateString|TimeString))$/

/** The executable has no ICU data: these throw there, and some abort (bundle/without-icu.ts). */
export const withoutIcu: FileRule = (file) => {
  if (!endsInExecutable(file.path)) return []
  const found: Finding[] = []
  walk(file.program, (node) => {
    const name = node.type === 'Identifier' ? (text(node, 'name') ?? '') : ''
    const regex: unknown = node.type === 'Literal' ? node['regex'] : undefined
    const pattern =
      typeof regex === 'object' && regex !== null && 'pattern' in regex ? String(regex.pattern) : ''
    if (/\\p\{(\w*Emoji|Extended_Pictographic)/i.test(pattern))
      found.push(finding(file, node.start, 'icu', 'Cannot match emoji: the executable has no ICU data'))
    if (name === 'Intl' || LOCALE_METHODS.test(name))
      found.push(finding(file, node.start, 'icu', `Cannot use '${name}': the executable has no ICU data`))
  })
  return found
}

/** What a thrown error says, as far as it is literal: the words between the values of a template are joined by '…'. */
function literalMessage(node: SyntaxNode): string | undefined {
  const [first] = list(node, 'arguments')
  if (first === undefined) return undefined
  if (first.type === 'Literal') return text(first, 'value')
  if (first.type !== 'TemplateLiteral') return undefined
  return list(first, 'quasis')
    .map((quasi) => {
      const value: unknown = quasi['value']
      return typeof value === 'object' && value !== null && 'cooked' in value ? String(value.cooked) : ''
    })
    .join('…')
}

/** Error messages: no full stop, no contractions. docs/errors.md */
export const errorText: FileRule = (file) => {
  if (!endsInExecutable(file.path)) return []
  const found: Finding[] = []
  walk(file.program, (node) => {
    const isError =
      node.type === 'NewExpression' && /(Error|Refusal)$/.test(text(child(node, 'callee'), 'name') ?? '')
    const message = isError ? literalMessage(node) : undefined
    if (message === undefined) return
    if (/[^.]\.$/.test(message))
      found.push(finding(file, node.start, 'error-text', 'Cannot end an error message with a full stop'))
    if (/\b(\w+n't|can't|it's)\b/i.test(message))
      found.push(finding(file, node.start, 'error-text', 'Cannot use a contraction in an error message'))
  })
  return found
}

/** Each file says at its top what it is and why it exists: three to eight lines, one at least in a test. */
export const headerComment: FileRule = (file) => {
  const lines = file.text.replace(/^#!.*\n/, '').split('\n')
  const count = lines.findIndex((line) => !line.startsWith('//'))
  const least = isTest(file.path) ? 1 : 2
  if (count >= least && count <= 16) return []
  return [
    {
      path: file.path,
      line: 1,
      rule: 'header',
      message: `Cannot do without a header comment: '${Math.max(count, 0)}' lines, three to eight are wanted`,
    },
  ]
}

/** A file is one concept. Tables in tests and generated matrices may be longer. */
export const fileLength: FileRule = (file) => {
  const lines = file.text.split('\n').length - 1
  if (isTest(file.path) || lines <= 300) return []
  return [
    {
      path: file.path,
      line: 301,
      rule: 'length',
      message: `Cannot be one concept: '${lines}' lines, split past 300`,
    },
  ]
}
