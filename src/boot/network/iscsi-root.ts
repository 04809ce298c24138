// A root on an iSCSI disk: iscsistart logs in and ends, the session stays in the kernel.
//
// When the connection breaks, only iscsid can make it anew: that of the root, which takes the session over
// (docs/network-root.md). CHAP passwords are words of iscsistart, and are hidden in what is recorded.
// iscsistart(8), RFC 4173; sysfs: drivers/scsi/scsi_transport_iscsi.c.

import type { BootState } from '../boot-state.ts'
import { refusalFailure } from '../boot-failure.ts'
import { readTextIfThere, readdirIfThere } from '../devices/device-kernel.ts'
import type { DeviceKernel } from '../devices/device-kernel.ts'
import type { RootContext, SpecialRoot, Wanted } from '../storage/context.ts'
import { runTool, ToolFailure } from '../tool.ts'
import type { IscsiWords } from '../words/network-words.ts'
import { errorLine } from '../../kernel/errors.ts'
import type { Connection } from './network-files.ts'
import { NetworkWatch } from './network-watch.ts'
import type { FirmwareRoot, IscsiRoot } from './parse-netroot.ts'
import { ISCSI_PORT, meansDisk } from './parse-netroot.ts'
import { awaitServer, notReached, resolveHost } from './server.ts'

const LOGIN_MS = 60_000
/** What the kernel would ask modprobe for, and there is none. */
const MODULES = ['sd_mod', 'crypto-crc32c']
const INITIATOR_FILE = '/etc/iscsi/initiatorname.iscsi'
const SESSIONS = '/sys/class/iscsi_session'
/** iscsiadm's own prefix for names that it makes up. */
const MADE_UP = 'iqn.2016-04.com.open-iscsi:'

/** The disks of the sessions: 'sda' with its target and LUN. */
export function iscsiDisks(kernel: DeviceKernel): { readonly disk: string; readonly target: string; readonly lun: number }[] {
  return readdirIfThere(kernel, SESSIONS).flatMap((session) => {
    const target = readTextIfThere(kernel, `${SESSIONS}/${session}/targetname`) ?? ''
    const device = `${SESSIONS}/${session}/device`
    return readdirIfThere(kernel, device).filter((name) => name.startsWith('target')).flatMap((name) =>
      readdirIfThere(kernel, `${device}/${name}`).flatMap((address) => {
        const lun = /^\d+:\d+:\d+:(\d+)$/.exec(address)?.[1]
        if (lun === undefined) return []
        return readdirIfThere(kernel, `${device}/${name}/${address}/block`).map((disk) => ({ disk, target, lun: Number(lun) }))
      }))
  })
}

/** What the words of the command line add to, or say instead of, root=iscsi:. */
export function withWords(root: IscsiRoot | null, words: IscsiWords): IscsiRoot | null {
  const target = root?.target ?? words.targetName
  if (target === null || target === '') return null
  const chap = words.user === null ? (root?.chap ?? null) : { user: words.user, password: words.password ?? '' }
  const mutual = words.inUser === null ? (root?.mutual ?? null) : { user: words.inUser, password: words.inPassword ?? '' }
  return {
    kind: 'iscsi', target, chap, mutual, server: root?.server ?? words.targetIp, port: words.targetPort ?? root?.port ?? ISCSI_PORT, lun: words.lun ?? root?.lun ?? 0,
  }
}

function initiator({ kernel, parameters }: BootState, { mac }: Connection): string {
  const given = parameters.network.iscsi.initiator
  if (given !== null) return given
  const file = readTextIfThere(kernel, INITIATOR_FILE) ?? ''
  return /^InitiatorName=(\S+)/m.exec(file)?.[1] ?? `${MADE_UP}${mac.replaceAll(':', '')}`
}

/** The words of iscsistart, and the same for people. */
export function startArguments(root: IscsiRoot, address: string, name: string, words: IscsiWords): { readonly args: string[]; readonly shown: string[] } {
  const open = ['-i', name, '-t', root.target, '-g', String(words.targetGroup), '-a', address, '-p', String(root.port)]
  const more = words.parameters.flatMap((parameter) => ['-P', parameter])
  const secret = (hide: boolean): string[] => [
    ...(root.chap === null ? [] : ['-u', root.chap.user, '-w', hide ? '***' : root.chap.password]),
    ...(root.mutual === null ? [] : ['-U', root.mutual.user, '-W', hide ? '***' : root.mutual.password]),
  ]
  return { args: [...open, ...secret(false), ...more], shown: [...open, ...secret(true), ...more] }
}

function login(state: BootState, args: readonly string[], shown: readonly string[]): void {
  try {
    runTool(state, 'iscsistart', args, { timeoutMs: LOGIN_MS, shown })
  } catch (error) {
    if (!(error instanceof ToolFailure)) throw error
    // KERNEL: a session of a try before is still there.
    if (/already exists|session exists/i.test(error.output)) return
    throw notReached(errorLine(error), error.output.split('\n').filter((text) => text !== ''))
  }
}

function waitForDisk({ state, loader }: RootContext, target: string | null, lun: number): string {
  const { kernel, parameters } = state
  const watch = new NetworkWatch(kernel, loader)
  try {
    const found = watch.until(() => iscsiDisks(kernel).find((one) => (target === null || one.target === target) && one.lun === lun) ?? null, parameters.rootTimeoutMs)
    if (found !== null) return `/dev/${found.disk}`
  } finally {
    watch.close()
  }
  const seen = iscsiDisks(kernel).map((one) => `${one.disk}: LUN ${one.lun} of ${one.target}`)
  throw notReached(`Cannot find LUN ${lun}${target === null ? '' : ` of '${target}'`}: no disk of it appeared`, seen)
}

/** What root= means once the disk is there: it, or what root= names on it. */
function specFor(wanted: Wanted, disk: () => string): SpecialRoot {
  return { kind: 'device', spec: meansDisk(wanted.spec) ? disk() : wanted.spec }
}

/** Logs in. Throws BootFailure. */
export function connectIscsi(context: RootContext, root: IscsiRoot | FirmwareRoot | null, wanted: Wanted, connection: Connection): SpecialRoot {
  const { state, loader } = context
  const words = state.parameters.network.iscsi
  loader.load(['scsi_transport_iscsi', 'iscsi_tcp'])
  loader.loadIfThere(MODULES)
  if (root?.kind === 'iscsi-firmware') {
    loader.loadIfThere(['iscsi_ibft'])
    login(state, ['-b'], ['-b'])
    return specFor(wanted, () => waitForDisk(context, null, 0))
  }
  const asked = withWords(root, words)
  if (asked === null) {
    throw refusalFailure('root-device', {
      reason: 'root-invalid', detail: 'Cannot log in to an iSCSI target: none is named', remedy: 'name it with root=iscsi:SERVER::PORT:LUN:TARGET or rd.iscsi.target.name= and rd.iscsi.target.ip=',
    }, null, [])
  }
  const server = asked.server ?? connection.request.server ?? connection.lease?.bootServer ?? null
  if (server === null) throw notReached(`Cannot log in to '${asked.target}': its server is not told`, [])
  const address = resolveHost(state, server)
  const isThere = readdirIfThere(state.kernel, SESSIONS).some((session) => readTextIfThere(state.kernel, `${SESSIONS}/${session}/targetname`) === asked.target)
  if (!isThere) {
    awaitServer(state, address, asked.port)
    const { args, shown } = startArguments(asked, address, initiator(state, connection), words)
    login(state, args, shown)
  }
  return specFor(wanted, () => waitForDisk(context, asked.target, asked.lun))
}
