// Finds, checks and mounts the root and /usr: the devices' side of the boot.
//
// Joins what src/boot/devices knows (modules, block devices, waiting) with fsck and mount, and turns
// every way in which that can fail into a refusal with a reason, a remedy and what was seen.

import { MS_RDONLY } from '../abi/mount.ts'
import { SYSROOT } from '../facts/switch-types.ts'
import { parseFstab, usrEntry, hasOption } from '../facts/fstab.ts'
import { describeDevices } from '../facts/block/describe-devices.ts'
import type { BlockDevice } from '../facts/block/block-device.ts'
import { matchRoot } from '../facts/block/match-root.ts'
import { parseRootSpec, rootSpecText } from '../facts/block/root-spec.ts'
import type { RootSpec } from '../facts/block/root-spec.ts'
import { inRoot } from '../facts/paths.ts'
import { errorLine, isErrno } from '../kernel/errors.ts'
import type { BootState, Devices } from './boot-state.ts'
import { BootFailure, errorFailure, inPhase, refusalFailure } from './boot-failure.ts'
import {
  coldplug, createModuleLoader, ensureNode, loadFilesystem, mountTypes, registerBtrfsMembers, scanDevices, waitForRoot,
} from './devices/index.ts'
import type { ModuleLoader } from './devices/index.ts'
import { diagnosis } from './diagnosis.ts'
import { mountByHooks, rootFromHooks, unfinishedFailure } from './dracut/root-by-hooks.ts'
import { rootByNetroot } from './dracut/root-by-netroot.ts'
import { fsck } from './fsck.ts'
import { GPT_AUTO, NOT_GIVEN_REMEDY, ambiguous, gptAutoSpec, markedReadOnly, noRootPartition, notGivenTimeoutMs, usrByType } from './gpt-root.ts'
import { mountFilesystem } from './mount-root.ts'
import { connectNetwork, mountNetworkUsr, networkRoot } from './network/network-root.ts'
import { createAssemblers } from './storage/assemblers.ts'
import { insideOf } from './storage/inside-of.ts'
import { createAssembly } from './storage/assembly.ts'
import type { Assembly } from './storage/assembly.ts'
import type { FoundRoot, MountedRoot, RootContext, Wanted } from './storage/context.ts'
import { imageRoot } from './storage/image-root.ts'
import { missingTools } from './storage/missing-tools.ts'
import { overlayRoot, wantedOverlay } from './storage/overlay.ts'
import { resumeFromSwap } from './storage/resume.ts'
import { corrupted, verified } from './storage/verity.ts'
import { readInitWholly } from './storage/verified-init.ts'

/** Where the boot stands while it looks for one. */
const POINTS = { root: 'root-device', '/usr': 'usr' } as const

function parseSpec(state: BootState, loader: ModuleLoader, wanted: Wanted): RootSpec {
  if (wanted.spec === GPT_AUTO && wanted.role === 'root') return gptAutoSpec(state, loader)
  const parsed = parseRootSpec(wanted.spec, wanted.fstypes.length === 1 ? (wanted.fstypes[0] ?? null) : null)
  if (parsed.spec !== null) return parsed.spec
  throw refusalFailure(POINTS[wanted.role], { reason: 'root-invalid', detail: parsed.error, remedy: "correct it: root=UUID=…, 'help' and 'blk' show what there is" }, null, [])
}

/** The devices' side of one boot: what was put together stays so over retries, what failed is tried again. */
interface Search extends RootContext {
  readonly assembly: Assembly
}

/** Waits for what a specifier names. Throws BootFailure. */
function find({ state, loader, assembly }: Search, spec: RootSpec, what: { readonly point: string; readonly name: string }, timeoutMs: number | null, acceptIncomplete = false): FoundRoot {
  const { parameters, log, trace } = state
  const queue = what.name === NAMES.root && state.hookShell?.hasQueue() === true ? state.hookShell : null
  const wait = { timeoutMs, rootdelayMs: parameters.rootDelayMs, assembly, acceptIncomplete, ...(queue === null ? {} : { queue }), onProgress: (line: string): void => log.warn(line) }
  const result = trace.measure('root-device', rootSpecText(spec), () => waitForRoot(state.kernel, loader, spec, wait), (r) => ({ outcome: r.outcome }))
  if (result.outcome === 'tag') return { kind: 'tag', source: result.tag, fstype: result.fstype }
  if (result.outcome === 'block') {
    const { device, members } = result
    for (const member of members) ensureNode(state.kernel, member)
    return { kind: 'block', source: device.path, device, members }
  }
  if (result.outcome === 'ambiguous') throw refusalFailure('root-device', ambiguous(result.detail), null, result.report)
  if (result.outcome === 'hooks') throw new Error(`Cannot use '${rootSpecText(spec)}' as a device`)
  const report = [...assembly.problems(), ...missingTools(state.kernel, scanDevices(state.kernel)), ...result.report]
  const unfinished = queue === null ? null : unfinishedFailure(state, what.point, report)
  if (unfinished !== null) throw unfinished
  if (parameters.root === null && spec.kind === 'gpt-auto') {
    const detail = `Cannot look for the root: the command line has no root=, and ${noRootPartition(spec)}`
    throw refusalFailure(what.point, { reason: 'root-not-given', detail, remedy: NOT_GIVEN_REMEDY }, null, [...assembly.problems(), ...result.report.slice(1)])
  }
  throw refusalFailure(
    what.point,
    {
      reason: 'root-not-found',
      detail: `Cannot find ${what.name}: ${rootSpecText(spec)} did not appear`,
      remedy: "choose another with root=… and 'retry'; 'blk' shows the devices, 'load MODULE' loads a driver",
    },
    null, report,
  )
}

const NAMES = { root: 'the root', '/usr': "the file system for '/usr'" } as const

function findWanted(search: Search, wanted: Wanted, spec: RootSpec): FoundRoot {
  const { parameters } = search.state
  const timeoutMs = parameters.root === null && wanted.role === 'root' ? notGivenTimeoutMs(parameters) : parameters.rootTimeoutMs
  return find(search, spec, { point: POINTS[wanted.role], name: NAMES[wanted.role] }, timeoutMs, hasOption(wanted.options, 'degraded'))
}

function waitForDevice(search: Search, text: string, what: string, timeoutMs: number | null): BlockDevice {
  const point = 'root-device'
  const { spec, error } = parseRootSpec(text, null)
  const refuse = (detail: string): BootFailure =>
    refusalFailure(point, { reason: 'root-invalid', detail, remedy: "correct it on the kernel command line; 'help' and 'blk' show what there is" }, null, [])
  if (spec === null) throw refuse(error)
  if (spec.kind === 'tag') throw refuse(`Cannot use '${text}' for ${what}: it names no block device`)
  const found = find(search, spec, { point, name: what }, timeoutMs)
  if (found.kind === 'tag') throw refuse(`Cannot use '${text}' for ${what}: it names no block device`)
  return found.device
}

function typesFor(wanted: Wanted, found: FoundRoot): readonly string[] {
  if (wanted.fstypes.length > 0 && wanted.fstypes[0] !== 'auto') return wanted.fstypes
  if (found.kind === 'tag') return [found.fstype]
  const superblock = found.device.superblock
  if (superblock === null || superblock.usage !== 'filesystem') {
    const seen = superblock === null ? 'nothing that is known' : `'${superblock.type}'`
    throw refusalFailure(
      POINTS[wanted.role],
      { reason: 'root-no-filesystem', detail: `Cannot mount '${found.source}': there is ${seen} on it, not a file system`, remedy: superblock?.type === 'crypto_LUKS' ? "build the image with the feature 'luks'" : 'name another device with root=…, or the type with rootfstype=' },
      null, describeDevices([found.device]),
    )
  }
  return mountTypes(superblock.type)
}

function check(state: BootState, found: FoundRoot, types: readonly string[]): void {
  if (found.kind === 'tag') return
  const { kernel, trace, log, parameters } = state
  const [type = ''] = types
  const outcome = trace.measure('fsck', found.source, () => fsck(kernel, found.source, type, found.device.isReadOnly, parameters), (o) => ({ outcome: o.kind }))
  if (outcome.kind === 'none') {
    log.debug(`no check of ${found.source}: ${outcome.why}`)
    return
  }
  if (outcome.kind === 'clean') return
  if (outcome.kind === 'repaired' || outcome.kind === 'reboot') {
    log.warn(`${outcome.program} repaired ${found.source}${outcome.kind === 'reboot' ? ' and asks for a reboot, ignoring: it was not mounted' : ''}`)
    return
  }
  const lines = outcome.output.split('\n').map((line) => `  ${line}`)
  throw refusalFailure(
    'fsck',
    {
      reason: 'fsck-errors',
      detail: `Cannot use '${found.source}': ${outcome.program} ${outcome.kind === 'errors' ? 'left errors uncorrected' : 'failed'} (status ${outcome.status ?? 'none'})`,
      remedy: "set fsck.repair=yes and 'retry', or fsck.mode=skip at your own risk",
    },
    null, lines,
  )
}

/** What was mounted; `auto` is the partition when its type alone told that it is the root. */
type Mounted = MountedRoot & { readonly auto: BlockDevice | null }

function mount(search: Search, given: Wanted): Mounted {
  const { state, loader } = search
  const asked = verified(search, given)
  const spec = parseSpec(state, loader, asked)
  const named = findWanted(search, asked, spec)
  const inside = insideOf(state.kernel, named)
  const found = inside === null ? named : findWanted(search, asked, inside)
  const byHooks = asked.role === 'root' ? mountByHooks(state, found.source) : null
  if (byHooks !== null) return { ...byHooks, auto: null }
  const auto = spec.kind === 'gpt-auto' && named.kind === 'block' ? named.device : null
  if (auto !== null) state.log.info(`the root is ${auto.path}, by the type of the partition`)
  const wanted = auto !== null && markedReadOnly(state, auto) ? { ...asked, readOnly: true } : asked
  const types = typesFor(wanted, found)
  check(state, found, types)
  const failures: string[] = []
  const prepare = (type: string): void => {
    const failure = loadFilesystem(state.kernel, loader, type)
    if (failure !== null) failures.push(failure)
    else if (type === 'btrfs' && found.kind === 'block') registerBtrfsMembers(state.kernel, found.members)
  }
  try {
    const request = { source: found.source, target: wanted.target, types, options: wanted.options, readOnly: wanted.readOnly }
    const mounted = state.trace.measure('mount', wanted.target, () => mountFilesystem(state.kernel, request, prepare), (m) => ({ type: m.type }))
    if (mounted.fellBackToReadOnly && !wanted.readOnly) state.log.warn(`${found.source} can only be mounted read-only`)
    return { source: found.source, type: mounted.type, auto, options: [(mounted.flags & MS_RDONLY) === 0 ? 'rw' : 'ro', ...(mounted.data === null ? [] : [mounted.data])].join(',') }
  } catch (error) {
    throw errorFailure('mount', error, diagnosis(found, types, failures))
  }
}

/** /usr from mount.usr=, from the root's fstab, or beside a root that was found by its type; null when there is none. */
function wantedUsr(state: BootState, root: BlockDevice | null, overlaid: boolean): Wanted | null {
  const { kernel, parameters } = state
  // An overlay over the root does not reach what is mounted on it.
  const base = { role: '/usr', target: `${SYSROOT}/usr`, readOnly: parameters.readOnly || overlaid } as const
  const isVerified = parameters.layers.verity['/usr'] !== null
  if (parameters.usr !== null) return { ...base, spec: parameters.usr.source, fstypes: parameters.usr.fstypes, options: parameters.usr.flags }
  let text = ''
  try {
    text = kernel.readText(inRoot(SYSROOT, '/etc/fstab'))
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) state.log.warn(`${errorLine(error)}, ignoring`)
  }
  const entry = usrEntry(parseFstab(text).entries)
  if (entry === null && isVerified) return { ...base, spec: '/dev/mapper/usr', fstypes: [], options: '' }
  const beside = entry === null && root !== null ? usrByType(state, root) : null
  if (beside !== null) return { ...base, spec: beside.path, fstypes: [], options: '', readOnly: base.readOnly || markedReadOnly(state, beside) }
  if (entry === null) return null
  return { ...base, spec: entry.source, fstypes: entry.fstype === 'auto' ? [] : entry.fstype.split(','), options: entry.options }
}

/** The devices' side for one boot. */
export function createDevices(state: BootState): Devices {
  const { kernel, trace, log } = state
  let autoRoot: BlockDevice | null = null
  /** A file system that was mounted may have changed: an image that knows it as it was must not go on with it. */
  let mayResume = true
  const undos: (() => void)[] = []
  const loader = createModuleLoader(kernel, state.kernelRelease, { words: state.givenLine.words })
  const assemblers = createAssemblers(state, loader)
  const beginSearch = (): Search => {
    const search: Search = {
      state, loader, assembly: createAssembly(state, assemblers),
      waitForDevice: (spec, what, timeoutMs) => waitForDevice(search, spec, what, timeoutMs),
      onRetry: (undo) => void undos.push(undo),
    }
    return search
  }
  return {
    loadListed: () => {
      const names = [...state.parameters.preload, ...state.image.modules]
      const problems = trace.measure('modules', 'listed', () => loader.load(names), () => ({ asked: names }))
      for (const problem of problems) log.warn(`${problem}, ignoring`)
    },
    loadForPerson: () => {
      try {
        trace.measure('modules', 'coldplug', () => coldplug(kernel, loader), (count) => ({ loaded: count }))
      } catch (error) {
        log.warn(`${errorLine(error)}, ignoring`)
      }
    },
    mountRoot: () => {
      const search = beginSearch()
      const network = inPhase('network', () => connectNetwork(search))
      if (mayResume) resumeFromSwap(search)
      mayResume = false
      const fromHooks = inPhase('network', () => rootByNetroot(state, network)) ?? rootFromHooks(state, loader)
      if (fromHooks !== null) return fromHooks
      const { parameters } = state
      if (parameters.root === null && !parameters.gptAuto) {
        const detail = 'Cannot look for the root: the command line has no root='
        throw refusalFailure('root-device', { reason: 'root-not-given', detail, remedy: NOT_GIVEN_REMEDY }, null, describeDevices(scanDevices(kernel)))
      }
      const wanted: Wanted = { role: 'root', spec: parameters.root ?? GPT_AUTO, fstypes: parameters.rootFstypes, options: parameters.rootFlags, readOnly: parameters.readOnly || wantedOverlay(search) !== null, target: SYSROOT }
      const special = inPhase('root-device', () => networkRoot(search, wanted, network) ?? imageRoot(search, wanted))
      const { auto, ...mounted } = special?.kind === 'mounted'
        ? { ...special, auto: null }
        : inPhase('root-device', () => mount(search, special === null ? wanted : { ...wanted, ...special }))
      autoRoot = auto
      return { source: mounted.source, type: mounted.type, options: mounted.options }
    },
    overlay: (mounted) => overlayRoot(beginSearch(), mounted),
    proveInit: (init) => {
      const { root, '/usr': usr } = state.parameters.layers.verity
      if (root === null && usr === null) return
      const bad = trace.measure('verity', init, () => readInitWholly(kernel, SYSROOT, init), (b) => ({ unreadable: b?.path ?? 'none' }))
      if (bad !== null) throw corrupted(kernel, `'${bad.path}', which init needs: it cannot be read, so it is not what the root hash is for`, bad.error)
    },
    takeBack: () => {
      for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) {
        try {
          undo()
        } catch (error) {
          log.debug(`${errorLine(error)}, ignoring`)
        }
      }
    },
    mountUsr: () => {
      const wanted = inPhase('usr', () => wantedUsr(state, autoRoot, wantedOverlay({ state }) !== null))
      if (wanted === null) return
      try {
        const search = beginSearch() // A wait of its own: what was given up for the root may be what /usr is on.
        inPhase('usr', () => mountNetworkUsr(search, wanted) || mount(search, wanted))
      } catch (error) {
        if (!hasOption(wanted.options, 'nofail')) throw error
        log.warn(`${error instanceof BootFailure ? error.message : errorLine(error)}; '/usr' is marked nofail, ignoring`)
      }
    },
    forgetSecrets: () => {
      for (const assembler of assemblers) assembler.forget?.()
    },
    describe: () => describeDevices(scanDevices(kernel)),
    loadModule: (name) => {
      const before = loader.trace().length
      const problems = loader.load([name])
      if (problems.length > 0) throw new Error(problems.join('\n'))
      const loaded = loader.trace().slice(before).map((entry) => `loaded ${entry.name}`)
      return loaded.length === 0 ? [`'${name}' is loaded already or built in`] : loaded
    },
    loadFilesystem: (type) => void loadFilesystem(kernel, loader, type),
    findDevice: (text) => {
      const { spec } = parseRootSpec(text, null)
      if (spec === null) return null
      const match = matchRoot(spec, scanDevices(kernel))
      return match.outcome === 'found' ? { path: match.device.path, type: match.device.superblock?.type ?? null } : null
    },
  }
}
