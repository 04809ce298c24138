// A user as `--user` names one, by the files of the root that the command will run in.
//
// Not by those of the host, and not by NSS: nothing of the root is executed to find out. Pure.  passwd(5), group(5)

/** What is known of a user. */
export interface RunUser {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
  /** '/' where nothing is known. */
  readonly home: string
  /** Null for a number that has no name. */
  readonly name: string | null
  readonly shell: string | null
}

interface PasswdLine {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
  readonly shell: string
}

interface GroupLine {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

const isId = (text: string | undefined): text is string => text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 0xffffffff

function passwdLines(text: string): PasswdLine[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid, gid, , home = '', shell = ''] = line.split(':')
    return name !== '' && isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid), home, shell }] : []
  })
}

function groupLines(text: string): GroupLine[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , gid, members = ''] = line.split(':')
    return name !== '' && isId(gid) ? [{ name, gid: Number(gid), members: members.split(',').filter((it) => it !== '') }] : []
  })
}

/** 'USER', 'UID', 'USER:GROUP', 'UID:GID'. `passwd` and `group` are the texts of the files, '' where there is none. Answers what is wrong as a string. */
export function resolveUser(spec: string, passwd: string, group: string): RunUser | string {
  const [user = '', groupName, ...more] = spec.split(':')
  if (user === '' || groupName === '' || more.length > 0) return `Cannot understand user '${spec}': expected USER, UID, or either with :GROUP`
  const known = passwdLines(passwd).find((it) => it.name === user) ?? passwdLines(passwd).find((it) => isId(user) && it.uid === Number(user))
  if (known === undefined && !isId(user)) return `Cannot find user '${user}': it is not in /etc/passwd of the root; a number always works`
  const groups = groupLines(group)
  let gid = known?.gid ?? (isId(user) ? Number(user) : 0)
  if (groupName !== undefined) {
    const named = groups.find((it) => it.name === groupName)
    if (named === undefined && !isId(groupName)) return `Cannot find group '${groupName}': it is not in /etc/group of the root; a number always works`
    gid = named?.gid ?? Number(groupName)
  }
  const supplementary = known === undefined || groupName !== undefined ? [] : groups.filter((it) => it.members.includes(known.name) && it.gid !== gid).map((it) => it.gid)
  return {
    uid: known?.uid ?? Number(user), gid, groups: [...new Set(supplementary)],
    home: known === undefined || known.home === '' ? '/' : known.home,
    name: known?.name ?? null,
    shell: known === undefined || known.shell === '' ? null : known.shell,
  }
}
