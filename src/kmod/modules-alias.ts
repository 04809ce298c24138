// Parser and matcher of modules.alias: which module drives a device with this modalias.
//
// A distribution kernel has 25 000 patterns and a machine some 100 devices, so PID 1 may not try
// every pattern on every device. Patterns are filed by bus (`pci:`) and by the literal text which
// follows it (a vendor, nearly always), which leaves a handful to try. See modules.alias(5),
// modprobe(8), and Documentation/driver-api for MODULE_DEVICE_TABLE.

import { fnmatch } from './fnmatch.ts'
import { normalizeModuleName } from './module-name.ts'

/** One `alias PATTERN MODULE` line, both in the kernel's spelling. */
export interface ModuleAlias {
  readonly pattern: string
  readonly module: string
}

/** Parses modules.alias (or modules.devname's aliases in the same form). Other lines are passed over. */
export function parseModulesAlias(text: string): ModuleAlias[] {
  const aliases: ModuleAlias[] = []
  for (const line of text.split('\n')) {
    if (!line.startsWith('alias ')) continue
    // A pattern may hold spaces (dmi and old acpi tables do), the module name never.
    const end = line.trimEnd().lastIndexOf(' ')
    const pattern = line.slice(6, end).trim()
    if (pattern === '') continue
    aliases.push({
      pattern: normalizeModuleName(pattern),
      module: normalizeModuleName(line.slice(end + 1).trim()),
    })
  }
  return aliases
}

/** Answers which modules claim an alias; made once, asked for every device. */
export interface AliasMatcher {
  /** Names of the modules whose pattern matches, in the order of the file, each once. */
  match(alias: string): string[]
}

interface Filed extends ModuleAlias {
  readonly order: number
}

/** Lengths of literal text after the bus by which patterns are filed; `v00008086` is 9, a usb `v046D` 5. */
const keyLengths = [9, 5, 0]

/** Files the patterns and returns the matcher. */
export function makeAliasMatcher(aliases: readonly ModuleAlias[]): AliasMatcher {
  const filed = new Map<string, Filed[]>()
  for (const [order, alias] of aliases.entries()) {
    const key = keyOfPattern(alias.pattern)
    const list = filed.get(key)
    if (list === undefined) filed.set(key, [{ ...alias, order }])
    else list.push({ ...alias, order })
  }
  return {
    match(alias) {
      const text = normalizeModuleName(alias)
      const hits: Filed[] = []
      for (const key of keysOfText(text)) {
        for (const entry of filed.get(key) ?? []) {
          if (fnmatch(entry.pattern, text)) hits.push(entry)
        }
      }
      hits.sort((a, b) => a.order - b.order)
      return [...new Set(hits.map(hit => hit.module))]
    },
  }
}

/** Where a pattern is filed: the longest key length that its literal beginning covers. */
function keyOfPattern(pattern: string): string {
  const literal = pattern.slice(0, literalLength(pattern))
  const colon = literal.indexOf(':')
  // A wild card before the bus ends (`acpi*:PNP0A08:*`): such patterns are tried on everything.
  if (colon < 0 && literal.length < pattern.length) return '*'
  const bus = colon < 0 ? literal : literal.slice(0, colon + 1)
  const rest = colon < 0 ? '' : literal.slice(colon + 1)
  const length = keyLengths.find(n => rest.length >= n) ?? 0
  return bus + rest.slice(0, length)
}

function keysOfText(text: string): Set<string> {
  const colon = text.indexOf(':')
  const bus = colon < 0 ? text : text.slice(0, colon + 1)
  const rest = colon < 0 ? '' : text.slice(colon + 1)
  const keys = new Set(keyLengths.map(length => bus + rest.slice(0, length)))
  return keys.add('*')
}

function literalLength(pattern: string): number {
  const wild = pattern.search(/[*?[\\]/)
  return wild < 0 ? pattern.length : wild
}
