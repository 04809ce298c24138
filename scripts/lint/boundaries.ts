// The laws about who may import whom: koffi behind one door, pure code stays pure, no cycles.
// docs/architecture.md, laws 1, 2, 3 and 8.

import { endsInExecutable, finding, isFfi, isTest } from './finding.ts'
import type { FileRule, Finding, ProjectRule } from './finding.ts'
import type { SourceFile } from './source-file.ts'
import { child, text, walk } from './source-file.ts'

/** Law 1: only the FFI files import koffi, and only main.ts, cli.ts and tests make a kernel. */
export const kernelDoor: FileRule = (file) => {
  if (isTest(file.path) || file.path.startsWith('bundle/')) return []
  return file.imports.flatMap((it) => {
    if (it.specifier === 'koffi' && !isFfi(file.path)) {
      return [
        finding(file, it.start, 'kernel-door', "Cannot import 'koffi' here: only src/kernel/ffi-*.ts may"),
      ]
    }
    const isImplementation = it.resolved !== undefined && isFfi(it.resolved) && !it.isTypeOnly
    if (
      isImplementation &&
      !file.path.startsWith('src/kernel/') &&
      !/^src\/(main|cli|index)\.ts$/.test(file.path)
    ) {
      return [
        finding(
          file,
          it.start,
          'kernel-door',
          `Cannot import '${it.specifier}' here: be handed a Kernel instead`,
        ),
      ]
    }
    return []
  })
}

/** Law 3: what runs between the steps of a plan is synchronous and on the main thread. */
export const mainThread: FileRule = (file) => {
  if (isTest(file.path) || !/^src\/(execute|plan|kernel|processes)\//.test(file.path)) return []
  return file.imports
    .filter(
      (it) =>
        ['node:fs/promises', 'node:worker_threads', 'fs/promises'].includes(it.specifier) && !it.isTypeOnly,
    )
    .map((it) =>
      finding(
        file,
        it.start,
        'main-thread',
        `Cannot import '${it.specifier}' here: its threads keep the old mount namespace`,
      ),
    )
}

const PURE = [
  /^src\/(abi|plan|kmod)\//,
  /^src\/facts\//,
  /^src\/boot\/(parameters\.ts$|words\/)/,
  /^src\/boot\/network\/(ip-address|parse-ip|parse-netroot|parse-lease|network-files|interface-names|rtnetlink|plan-[a-z]+)\.ts$/,
  /^src\/processes\/(process-facts|origin|policy|rules|rules-file|dependencies)\.ts$/,
  /^src\/shutdown\/(arguments|stack-facts|stack-graph|plan-round)\.ts$/,
  /^initrd-builder\/(cpio|elf|image)\//,
  /^initrd-builder\/(config-file|features|options)\.ts$/,
  /^src\/install\/(manifest|layout|plan-install)\.ts$/,
  /^src\/(boot\/(parameter-table|rescue\/split-words)|commands\/(leading-options|option-list|run-options|run-help)|run\/registry-entry)\.ts$/,
]

/** Modules without effects on anything outside, so that pure code may use them. */
const PURE_MODULES = /^(node:path(\/posix)?|node:buffer|node:util|node:zlib|smol-toml|valibot)$/

const IMPURE_GLOBALS = new Set([
  'process',
  'performance',
  'console',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'fetch',
  'crypto',
  'require',
])

/** Whether an identifier is a use of a global and not a property, a key or a name that is being declared. */
function isGlobalUse(
  parent: { readonly type: string; readonly [field: string]: unknown } | undefined,
  name: string,
  node: unknown,
): boolean {
  if (parent === undefined) return true
  if (parent.type === 'MemberExpression') return parent['object'] === node || parent['computed'] === true
  if (/Property|Specifier|Method|Signature|TSQualifiedName|TSTypeReference|Label|Param/.test(parent.type)) {
    return parent.type === 'Property' && parent['value'] === node && name !== ''
  }
  return (
    !/Function|VariableDeclarator|Class|TSInterface|TSTypeAlias/.test(parent.type) || parent['id'] !== node
  )
}

/** What makes one file impure by itself, or an empty list. */
function impurities(file: SourceFile): Finding[] {
  const found = file.imports
    .filter((it) => it.resolved === undefined && !it.isTypeOnly && !PURE_MODULES.test(it.specifier))
    .map((it) => finding(file, it.start, 'purity', `Cannot import '${it.specifier}' in pure code`))
  walk(file.program, (node, ancestors) => {
    const parent = ancestors.at(-1)
    const name = node.type === 'Identifier' ? text(node, 'name') : undefined
    if (name !== undefined && IMPURE_GLOBALS.has(name) && isGlobalUse(parent, name, node)) {
      found.push(finding(file, node.start, 'purity', `Cannot use '${name}' in pure code`))
    }
    if (
      name === 'Date' &&
      (parent?.type === 'NewExpression' ||
        parent?.type === 'CallExpression' ||
        text(child(parent ?? node, 'property'), 'name') === 'now')
    ) {
      found.push(finding(file, node.start, 'purity', "Cannot read the clock in pure code: 'Date'"))
    }
    if (
      name === 'Math' &&
      parent?.type === 'MemberExpression' &&
      text(child(parent, 'property'), 'name') === 'random'
    ) {
      found.push(finding(file, node.start, 'purity', "Cannot use 'Math.random' in pure code"))
    }
  })
  return found
}

/** Law 2: pure code, and everything it imports at run time, touches no file, process or clock. */
export const purity: ProjectRule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  return files
    .filter((file) => !isTest(file.path) && PURE.some((pattern) => pattern.test(file.path)))
    .flatMap((file) => {
      const own = impurities(file)
      const seen = new Set([file.path])
      const reach = (from: SourceFile, through: readonly string[]): Finding[] =>
        from.imports.flatMap((it) => {
          const target = it.resolved === undefined || it.isTypeOnly ? undefined : byPath.get(it.resolved)
          if (target === undefined || seen.has(target.path)) return []
          seen.add(target.path)
          const chain = [...through, target.path]
          const [first] = impurities(target)
          const mine =
            first === undefined || PURE.some((pattern) => pattern.test(target.path))
              ? []
              : [
                  finding(
                    file,
                    it.start,
                    'purity',
                    `Cannot reach impure code from pure code: ${chain.join(' -> ')}: ${first.message}`,
                  ),
                ]
          return [...mine, ...reach(target, chain)]
        })
      return [...own, ...reach(file, [])]
    })
}

/** Law 8: no import cycles, imports of types included: a cycle of types is two files that are one concept. */
export const cycles: ProjectRule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const finished = new Set<string>()
  const found: Finding[] = []
  const visit = (file: SourceFile, trail: readonly string[]): void => {
    if (finished.has(file.path)) return
    for (const it of file.imports) {
      const target = it.resolved === undefined ? undefined : byPath.get(it.resolved)
      if (target === undefined) continue
      const at = [...trail, file.path].indexOf(target.path)
      if (at >= 0) {
        const cycle = [...[...trail, file.path].slice(at), target.path]
        found.push(finding(file, it.start, 'cycle', `Cannot import in a circle: ${cycle.join(' -> ')}`))
      } else {
        visit(target, [...trail, file.path])
      }
    }
    finished.add(file.path)
  }
  for (const file of files) visit(file, [])
  return found
}

/** In the bundle stands something else in its place (bundle/shell-texts.ts). */
const REPLACED_IN_BUNDLE = 'initrd-builder/dracut-hooks/shell-texts.ts'

/** The bundle is CommonJS: neither import.meta nor await at the top level survives it. */
export const bundleSafe: FileRule = (file) => {
  if (!endsInExecutable(file.path) || file.path === REPLACED_IN_BUNDLE) return []
  const found: Finding[] = []
  walk(file.program, (node, ancestors) => {
    if (node.type === 'MetaProperty' && text(child(node, 'meta'), 'name') === 'import') {
      found.push(
        finding(file, node.start, 'bundle-safe', "Cannot use 'import.meta' here: the bundle is CommonJS"),
      )
    }
    const isTopLevel = !ancestors.some((it) => /Function/.test(it.type))
    if (
      (node.type === 'AwaitExpression' || (node.type === 'ForOfStatement' && node['await'] === true)) &&
      isTopLevel
    ) {
      found.push(
        finding(
          file,
          node.start,
          'bundle-safe',
          "Cannot use 'await' at the top level here: the bundle is CommonJS",
        ),
      )
    }
  })
  return found
}
