// The record of a replacement: one small JSON file per target, read back by --finish, --rollback and the next one.
//
// Pure. Lost records are no harm: what is mounted is what counts, the record only says which is the new one.

import type { ReplaceRecord } from './replace-types.ts'

/** A file name for a target: '/usr/local' → 'usr%2Flocal'; '/' → '%2F'. */
export function recordName(target: string): string {
  const text = target === '/' ? '/' : target.replace(/^\//, '')
  return text.replaceAll('%', '%25').replaceAll('/', '%2F')
}

export function recordText(record: ReplaceRecord): string {
  return `${JSON.stringify({ format: 'fulcrum-replace', version: 1, ...record }, null, 2)}\n`
}

/** The record, or null when the text is none of ours. */
export function parseRecord(text: string): ReplaceRecord | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const get = (name: string): unknown => Reflect.get(value, name)
  const [target, state, source, oldDev, newDev, kept] = ['target', 'state', 'source', 'oldDev', 'newDev', 'kept'].map(get)
  const peer = get('peer')
  if (get('format') !== 'fulcrum-replace' || get('version') !== 1) return null
  if (typeof target !== 'string' || typeof source !== 'string' || typeof oldDev !== 'string' || typeof newDev !== 'string') return null
  if (state !== 'pending' && state !== 'done') return null
  return { target, state, source, oldDev, newDev, kept: typeof kept === 'string' ? kept : null, layers: get('layers') === true, peer: typeof peer === 'string' ? peer : null }
}
