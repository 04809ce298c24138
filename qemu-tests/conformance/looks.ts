// What a row says about an init that was started: each look compares one property with what the tool was handed, in
// a few words. Pure. capabilities(7), signal(7).
import { CARRIED_PREFIXES } from '../../src/facts/switch-types.ts'
import { signalName } from '../../src/abi/signals.ts'
import type { Observation, SeenProcess } from './observation.ts'
import type { Look } from './scenario.ts'

export const AS_GIVEN = 'as given'

/** In every scenario before the setup; what stands in the old root beside it is not compared. */
const NEW_TREE = ['/bin/', '/dev/', '/dev/console', '/etc/', '/etc/newroot', '/proc/', '/run/', '/sbin/', '/sbin/init', '/sys/', '/tmp/']
const DESCRIPTORS = ['0 null', '1 pipe', '2 pipe']

const quoted = (word: string): string => (/^[\w./=:+@%,-]+$/.test(word) ? word : JSON.stringify(word))

const MAX_TEXT = 80
const shortened = (text: string): string => (text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`)

/** Lists in words: what is not there any more, and what is new. */
function difference(before: readonly string[], after: readonly string[]): string {
  const lost = before.filter((word) => !after.includes(word))
  const added = after.filter((word) => !before.includes(word))
  return [...(lost.length === 0 ? [] : [`without ${lost.map(quoted).join(', ')}`]), ...(added.length === 0 ? [] : [`with ${added.map(quoted).join(', ')}`])].join('; ')
}

function descriptorsOf(process: SeenProcess): string[] {
  return process.descriptors.map((line) => {
    const [number = '', target = ''] = line.split(' ')
    const last = target.slice(target.lastIndexOf('/') + 1)
    return `${number} ${target.startsWith('pipe:') ? 'pipe' : /^\d+$/.test(last) ? 'terminal' : last}`
  }).sort((a, b) => Number(a.split(' ')[0]) - Number(b.split(' ')[0]))
}

function signalNames(mask: bigint): string {
  const numbers = Array.from({ length: 64 }, (_, bit) => bit + 1).filter((number) => (mask & (1n << BigInt(number - 1))) !== 0n)
  return numbers.length === 0 ? 'none' : numbers.map((number) => signalName(number).replace('SIG', '')).join(' ')
}

function missingBits(mask: bigint): number[] {
  const highest = 40
  return Array.from({ length: highest + 1 }, (_, bit) => bit).filter((bit) => (mask & (1n << BigInt(bit))) === 0n)
}

const isApi = (mountPoint: string): boolean => CARRIED_PREFIXES.some((prefix) => mountPoint === prefix || mountPoint.startsWith(`${prefix}/`))

function mountsText(seen: Observation, process: SeenProcess): string {
  const had = seen.mountsBefore.filter(({ mountPoint }) => isApi(mountPoint))
  const now = (id: number): string | undefined => process.mounts.find((m) => m.id === id)?.mountPoint
  const elsewhere = had.filter(({ id, mountPoint }) => ![undefined, '/', mountPoint].includes(now(id)))
  const lost = had.filter(({ id }) => now(id) === undefined)
  const ids = new Set(seen.mountsBefore.map(({ id }) => id))
  const added = process.mounts.filter(({ id }) => !ids.has(id)).map(({ mountPoint }) => mountPoint)
  const moved = new Set(elsewhere.map(({ id }) => id))
  const other = process.mounts.filter(({ id, mountPoint }) => ids.has(id) && !moved.has(id) && !isApi(mountPoint) && mountPoint !== '/').map(({ mountPoint }) => mountPoint)
  const living = (id: number): boolean => seen.mountsAfter.some((m) => m.id === id)
  const gone = lost.filter(({ id }) => !living(id)).map(({ mountPoint }) => mountPoint)
  const hidden = lost.filter(({ id }) => living(id)).map(({ mountPoint }) => mountPoint)
  const parts = [
    lost.length === 0 && elsewhere.length === 0 ? 'all carried' : hidden.length === had.length ? 'none carried' : '',
    gone.length > 0 ? `unmounted: ${gone.join(' ')}` : '',
    hidden.length > 0 && hidden.length < had.length ? `concealed: ${hidden.join(' ')}` : '',
    elsewhere.length > 0 ? `elsewhere: ${elsewhere.map(({ id, mountPoint }) => `${mountPoint} at ${now(id) ?? ''}`).join(', ')}` : '',
    added.length > 0 ? `new: ${added.join(' ')}` : '', other.length > 0 ? `also: ${other.join(' ')}` : '',
  ]
  return parts.filter((part) => part !== '').join('; ')
}

/** The mount points that stay because something is mounted there. */
const PINNED = ['/keep/', '/keep/hidden', '/kit/']

export function deletionText(seen: Observation): string {
  const left = seen.oldTree.filter((path) => !PINNED.includes(path) && path !== '/newroot/')
  const files = left.filter((path) => !path.endsWith('/'))
  const lost = [...(seen.keepTree.includes('/seen') ? [] : ['a file on another mount']), ...(seen.newTree.length === 0 || (seen.oldTree.includes('/plain/') && !seen.oldTree.includes('/plain/etc/newroot')) ? ['the new root'] : [])]
  const damage = lost.length === 0 ? '' : `; also deleted: ${lost.join(', ')}`
  if (files.length > 1) return `nothing deleted${damage}`
  // A child that has done its work already is a zombie of init.
  const when = seen.others.some((name) => name === 'switch_root') || seen.filesAtEnd > seen.oldTree.length ? 'in the background' : 'before init'
  const rest = files.length > 0 ? `, but ${files.join(' ')}` : left.length > 0 ? ', directories stay' : ''
  return `${when}${rest}${damage}`
}

/** What the tool was called with. */
export interface Given {
  readonly argv: readonly string[]
  readonly environment: readonly string[]
  readonly umask: string
}

/** One look in words; AS_GIVEN when nothing is different. `given.argv` is what was asked for init. */
export function lookText(look: Look, seen: Observation, process: SeenProcess, given: Given): string {
  switch (look) {
    case 'argv': return process.argv.join('\0') === given.argv.join('\0') ? AS_GIVEN : shortened(process.argv.map(quoted).join(' '))
    case 'environment': {
      const text = difference(given.environment, process.environment)
      return text === '' ? AS_GIVEN : text
    }
    case 'cwd': return process.cwd
    case 'umask': return process.umask === given.umask ? AS_GIVEN : process.umask
    case 'descriptors': {
      const all = descriptorsOf(process)
      return all.join() === DESCRIPTORS.join() ? AS_GIVEN : all.join(', ')
    }
    case 'signals': return `ignored: ${signalNames(process.ignored)}; blocked: ${signalNames(process.blocked)}`
    case 'session': return `${process.isLeader ? 'leader' : 'no leader'}, ${process.terminal === 0 ? 'no terminal' : 'terminal kept'}`
    case 'capabilities': {
      const had = missingBits(seen.boundingBefore)
      const missing = missingBits(process.bounding).filter((bit) => !had.includes(bit))
      return missing.length === 0 ? AS_GIVEN : `bounding set without ${missing.join(' ')}`
    }
    case 'mounts': return mountsText(seen, process)
    case 'deletion': return deletionText(seen)
    case 'processes': return seen.others.length === 0 ? 'none beside init' : seen.others.join(' ')
    case 'new root': {
      const text = difference(NEW_TREE, seen.newTree)
      return text === '' ? AS_GIVEN : text
    }
  }
}
