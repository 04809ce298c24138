// `npm run lint`: the laws of docs/architecture.md as code. Prints one line per finding, `path:line: rule: message`,
// and ends with status 1 when there is one. The rules are in lint/, each with examples it must find in rules.test.ts.
// usage: lint.ts [ROOT]

import process from 'node:process'
import { projectRoot } from '../bundle/project.ts'
import * as boundaries from './lint/boundaries.ts'
import type { FileRule, ProjectRule } from './lint/finding.ts'
import * as language from './lint/language.ts'
import { parseSourceFile } from './lint/source-file.ts'
import { readTree, treeFindings } from './lint/tree.ts'

const FILE_RULES: readonly FileRule[] = [
  boundaries.kernelDoor,
  boundaries.mainThread,
  boundaries.bundleSafe,
  language.typeHoles,
  language.topLevelState,
  language.withoutIcu,
  language.errorText,
  language.headerComment,
  language.fileLength,
]
const PROJECT_RULES: readonly ProjectRule[] = [boundaries.purity, boundaries.cycles]
const SOURCES = /^(src|initrd-builder|bundle|scripts|qemu-tests|kernel-configs)\/.*\.ts$/

const tree = readTree(process.argv[2] ?? projectRoot)
const sources = tree
  .filter((file) => SOURCES.test(file.path))
  .map((file) => parseSourceFile(file.path, file.bytes.toString('utf8')))
const findings = [
  ...tree.flatMap(treeFindings),
  ...sources.flatMap((file) =>
    file.syntaxErrors.map((message) => ({ path: file.path, line: 1, rule: 'syntax', message })),
  ),
  ...sources.flatMap((file) => FILE_RULES.flatMap((rule) => rule(file))),
  ...PROJECT_RULES.flatMap((rule) => rule(sources)),
]
for (const { path, line, rule, message } of findings)
  process.stdout.write(`${path}:${line}: ${rule}: ${message}\n`)
process.stdout.write(`${sources.length} sources, ${tree.length} files, ${findings.length} findings\n`)
process.exitCode = findings.length > 0 ? 1 : 0
