// A root behind a network, as root=, netroot=, nfsroot=, nbdroot= or DHCP's root-path name it.
//
//   nfs:[SERVER:]PATH[:OPTIONS] nfs4:…, /dev/nfs with nfsroot=[SERVER:]PATH[,OPTIONS]
//   nbd:SERVER:PORT, EXPORT or PORT/EXPORT[:FSTYPE[:OPTIONS[:NBDOPTIONS]]], nbdroot=SERVER,PORT or SERVER:PORT/EXPORT
//   iscsi:[USER:PASSWORD[:USER:PASSWORD]@][SERVER]:[PROTOCOL]:[PORT]:[LUN]:TARGET
// Pure. Sources: nfsroot.rst, dracut.cmdline(7), RFC 4173, nbd-client's initramfs script.
import { splitFields } from './ip-address.ts'
import type { Parsed } from './parse-ip.ts'

export interface NfsRoot {
  readonly kind: 'nfs'
  /** Null: DHCP's server. */
  readonly server: string | null
  /** Empty: DHCP's root-path. '%s' stands for the client's address or host name. */
  readonly path: string
  /** Comma-separated. */
  readonly options: string
  /** '4' of nfs4:, '3' of nfs3:; null: the newest that the server has. */
  readonly version: string | null
}

export interface NbdRoot {
  readonly kind: 'nbd'
  readonly server: string | null
  /** 10809 unless given. */
  readonly port: number
  /** The name of the export; empty: the server's default. */
  readonly exportName: string
  readonly fstype: string | null
  readonly options: string
  /** Words for nbd-client. */
  readonly clientOptions: readonly string[]
}

export interface Chap {
  readonly user: string
  readonly password: string
}

export interface IscsiRoot {
  readonly kind: 'iscsi'
  readonly server: string | null
  readonly port: number
  readonly lun: number
  readonly target: string
  readonly chap: Chap | null
  /** What the target has to prove itself with. */
  readonly mutual: Chap | null
}

/** By the table of the firmware (iBFT). */
export interface FirmwareRoot {
  readonly kind: 'iscsi-firmware'
}

export type NetRoot = NfsRoot | NbdRoot | IscsiRoot | FirmwareRoot

export const NBD_PORT = 10_809
export const ISCSI_PORT = 3260

const ok = <T>(value: T): Parsed<T> => ({ value, error: null })
const bad = (error: string): { readonly value: null; readonly error: string } => ({ value: null, error })

function parsePort(text: string): number | null {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535 ? Number(text) : null
}

/** '[SERVER:]PATH' with options behind ',' (kernel) or ':' (dracut). */
export function parseNfs(text: string, version: string | null): Parsed<NfsRoot> {
  const slash = text.startsWith('[') ? text.indexOf(']:') + 2 : text.search(/[:/]/)
  const hasServer = text.startsWith('[') ? slash > 1 : slash >= 0 && text[slash] === ':'
  const server = hasServer ? (text.startsWith('[') ? text.slice(1, slash - 2) : text.slice(0, slash)) : null
  const rest = hasServer ? text.slice(text.startsWith('[') ? slash : slash + 1) : text
  const end = rest.search(/[:,]/)
  const path = end < 0 ? rest : rest.slice(0, end)
  const options = end < 0 ? '' : rest.slice(end + 1)
  if (server === '') return bad('the name of the server is empty')
  if (path !== '' && !path.startsWith('/')) return bad(`the path '${path}' does not begin with '/'`)
  return ok({ kind: 'nfs', server, path, options, version })
}

function parseNbd(text: string): Parsed<NbdRoot> {
  const [server = '', where = '', fstype = '', options = '', clientOptions = ''] = splitFields(text)
  if (server === '') return bad('the name of the server is empty')
  const slash = where.indexOf('/')
  const port = parsePort(slash < 0 ? where : where.slice(0, slash))
  return ok({
    kind: 'nbd', server, port: port ?? NBD_PORT, exportName: port === null ? where : slash < 0 ? '' : where.slice(slash + 1), fstype: fstype === '' ? null : fstype, options,
    clientOptions: clientOptions.split(/[\s,]+/).filter((word) => word !== ''),
  })
}

/** Debian's nbdroot=: 'SERVER,PORT', 'SERVER,EXPORT,DEVICE', 'SERVER:PORT/EXPORT', 'SERVER:/EXPORT'. */
export function parseNbdroot(text: string): Parsed<NbdRoot> {
  const base = { kind: 'nbd', fstype: null, options: '', clientOptions: [], port: NBD_PORT, exportName: '' } as const
  if (text.includes(',')) {
    const [server = '', second = ''] = text.split(',')
    const port = parsePort(second)
    return ok({ ...base, server: server === '' || server === 'dhcp' ? null : server, ...(port === null ? { exportName: second } : { port }) })
  }
  const [server = '', ...rest] = splitFields(text)
  const [portText = '', ...names] = rest.join(':').split('/')
  const port = portText === '' ? NBD_PORT : parsePort(portText)
  if (port === null) return bad(`'${portText}' is no port`)
  return ok({ ...base, server: server === '' || server === 'dhcp' ? null : server, port, exportName: names.join('/') })
}

function parseChap(text: string): { readonly chap: Chap | null; readonly mutual: Chap | null } {
  const [user = '', password = '', inUser, inPassword = ''] = text.split(':')
  return { chap: { user, password }, mutual: inUser === undefined ? null : { user: inUser, password: inPassword } }
}

function parseIscsi(text: string): Parsed<IscsiRoot> {
  const at = text.lastIndexOf('@')
  const secrets = at < 0 ? { chap: null, mutual: null } : parseChap(text.slice(0, at))
  const fields = splitFields(text.slice(at + 1))
  const [server = '', protocol = '', portText = '', lunText = '', ...name] = fields
  const target = name.join(':')
  const port = portText === '' ? ISCSI_PORT : parsePort(portText)
  if (protocol !== '' && protocol !== '6') return bad(`protocol '${protocol}' is not TCP (6)`)
  if (port === null) return bad(`'${portText}' is no port`)
  if (lunText !== '' && !/^\d{1,5}$/.test(lunText)) return bad(`'${lunText}' is no LUN`)
  if (!/^(iqn\.|eui\.|naa\.)/.test(target)) return bad(`'${target}' is no name of a target (iqn.…, eui.…, naa.…)`)
  return ok({ kind: 'iscsi', server: server === '' ? null : server, port, lun: Number(lunText === '' ? 0 : lunText), target, ...secrets })
}

/** Reads root= or netroot=; null: it is not behind a network. */
export function parseNetroot(text: string): Parsed<NetRoot> | null {
  const match = /^(nfs[34]?|nbd|iscsi):(.*)$/.exec(text)
  if (match === null) return null
  const [, scheme = '', rest = ''] = match
  // 'nfs:' and 'iscsi:' alone: all by DHCP, or by words of their own.
  if (scheme === 'iscsi') return parseIscsi(rest)
  return scheme === 'nbd' ? parseNbd(rest) : parseNfs(rest, scheme === 'nfs' ? null : scheme.slice(3))
}

/** The root-path of DHCP (option 17): iSCSI and NBD as above, else NFS '[SERVER:]PATH[,OPTIONS]'. */
export function parseRootPath(text: string): Parsed<NetRoot> {
  return parseNetroot(text) ?? parseNfs(text, null)
}

/** Whether this root= means the disk behind the network itself, and not something that is found on it. */
export function meansDisk(spec: string): boolean {
  return /^(nbd:|iscsi(:|$)|dhcp[46]?$|gpt-auto$|\/dev\/root$)/.test(spec)
}

/** The same text without what stands before '@' of an iSCSI root: for records and messages. */
export function hideSecrets(text: string): string {
  return text
    .replace(/\biscsi:[^\s"]*@/g, 'iscsi:***@')
    .replace(/\b((?:rd[._])?iscsi[._](?:in[._])?password)=("[^"]*"|\S+)/gi, '$1=***')
}
