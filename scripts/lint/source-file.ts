// A TypeScript file as the rules see it: its syntax tree (@babel/parser, ESTree shape), comments and imports.
// It exists so that a rule is a few lines about the law and none about parsing. Pure: text in, records out.

import path from 'node:path'
import { parse } from '@babel/parser'

/** A node of the syntax tree: its kind, its place, and fields by name. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

export interface ImportedModule {
  /** As written: 'node:fs', 'koffi', './plan.ts'. */
  readonly specifier: string
  /** Relative to the checkout, for a relative specifier. */
  readonly resolved: string | undefined
  /** Nothing of it is there at run time. */
  readonly isTypeOnly: boolean
  readonly start: number
}

export interface Comment {
  readonly value: string
  readonly start: number
}

export interface SourceFile {
  /** Relative to the checkout, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly program: SyntaxNode
  readonly comments: readonly Comment[]
  readonly imports: readonly ImportedModule[]
  readonly syntaxErrors: readonly string[]
}

export function isNode(value: unknown): value is SyntaxNode {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    typeof value.type === 'string' &&
    'start' in value &&
    typeof value.start === 'number'
  )
}

/** The children of a node, in no particular order. */
function childrenOf(node: SyntaxNode): SyntaxNode[] {
  return Object.values(node)
    .flatMap((value) => (Array.isArray(value) ? value : [value]))
    .filter(isNode)
}

/** Calls `visit` for `node` and everything below it; `ancestors` ends with the parent. */
export function walk(
  node: SyntaxNode,
  visit: (node: SyntaxNode, ancestors: readonly SyntaxNode[]) => void,
  ancestors: readonly SyntaxNode[] = [],
): void {
  visit(node, ancestors)
  const below = [...ancestors, node]
  for (const child of childrenOf(node)) walk(child, visit, below)
}

/** The nodes in a field that holds a list. */
export function list(node: SyntaxNode, field: string): SyntaxNode[] {
  const value = node[field]
  return Array.isArray(value) ? value.filter(isNode) : []
}

/** The node in a field, or undefined. */
export function child(node: SyntaxNode, field: string): SyntaxNode | undefined {
  const value = node[field]
  return isNode(value) ? value : undefined
}

/** The text in a field such as `name` or `value`, or undefined. */
export function text(node: SyntaxNode | undefined, field: string): string | undefined {
  const value = node?.[field]
  return typeof value === 'string' ? value : undefined
}

function isTypeOnly(declaration: SyntaxNode): boolean {
  if (text(declaration, 'importKind') === 'type' || text(declaration, 'exportKind') === 'type') return true
  const specifiers = list(declaration, 'specifiers')
  return (
    specifiers.length > 0 &&
    specifiers.every((it) => text(it, 'importKind') === 'type' || text(it, 'exportKind') === 'type')
  )
}

function importsOf(file: string, program: SyntaxNode): ImportedModule[] {
  const imports: ImportedModule[] = []
  walk(program, (node) => {
    const isImport =
      node.type === 'ImportDeclaration' || node.type.startsWith('Export') || node.type === 'ImportExpression'
    const specifier = isImport ? text(child(node, 'source'), 'value') : undefined
    if (specifier === undefined) return
    const resolved = specifier.startsWith('.')
      ? path.posix.join(path.posix.dirname(file), specifier)
      : undefined
    imports.push({ specifier, resolved, isTypeOnly: isTypeOnly(node), start: node.start })
  })
  return imports
}

/** Parses one file. What cannot be parsed has `syntaxErrors` and a tree as far as it goes. */
export function parseSourceFile(file: string, source: string): SourceFile {
  try {
    const result = parse(source, {
      sourceType: 'module',
      plugins: ['typescript', ['estree', { classFeatures: true }]],
      createImportExpressions: true,
      errorRecovery: true,
      attachComment: false,
    })
    const parsed: unknown = result.program
    if (!isNode(parsed)) throw new Error('Cannot parse: no syntax tree')
    return {
      path: file,
      text: source,
      program: parsed,
      comments: (result.comments ?? []).map((comment) => ({
        value: comment.value,
        start: comment.start ?? 0,
      })),
      imports: importsOf(file, parsed),
      syntaxErrors: (result.errors ?? []).map((error) => String(error.reasonCode)),
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return {
      path: file,
      text: source,
      program: { type: 'Program', start: 0, end: 0 },
      comments: [],
      imports: [],
      syntaxErrors: [message],
    }
  }
}
