// What a rule reports, and where the product's code lives. Shared by all rules, so that each of them is only about
// its law and they agree on what is a test, what ends in the executable, and what is the FFI.

import type { SourceFile } from './source-file.ts'

export interface Finding {
  readonly path: string
  readonly line: number
  /** The law or convention, by a short name: 'purity', 'cycle'. */
  readonly rule: string
  readonly message: string
}

/** A rule about one file at a time. */
export type FileRule = (file: SourceFile) => Finding[]

/** A rule about all files together. */
export type ProjectRule = (files: readonly SourceFile[]) => Finding[]

export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

export function finding(file: SourceFile, offset: number, rule: string, message: string): Finding {
  return { path: file.path, line: lineOf(file.text, offset), rule, message }
}

export function isTest(path: string): boolean {
  return /(\.test|\.guest|-for-tests)\.ts$/.test(path) || /\/(testing|contract|oracles)\//.test(path)
}

/** Code that ends in the executable: it has to be bundled as CommonJS and runs without ICU. */
export function endsInExecutable(path: string): boolean {
  return (path.startsWith('src/') || path.startsWith('initrd-builder/')) && !isTest(path)
}

/** The files that touch koffi, and the only ones where a cast is allowed. */
export function isFfi(path: string): boolean {
  return /^src\/kernel\/(ffi(-[a-z-]+)?|koffi-kernel)\.ts$/.test(path)
}
