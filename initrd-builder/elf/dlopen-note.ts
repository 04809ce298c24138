// Parser of `.note.dlopen`: libraries which a program opens by itself, that DT_NEEDED does not tell.
//
// systemd from 257 on, and others, carry it so that image builders need no table of special cases.
// The UAPI group's specification: notes of owner FDO, type 0x407c0c0a, whose content is JSON.

/** One thing that may be opened: any of the names will do, the first is the preferred one. */
export interface DlopenDependency {
  readonly sonames: readonly string[]
  readonly feature: string
  readonly priority: 'required' | 'recommended' | 'suggested'
}

const NT_FDO_DLOPEN = 0x407c0c0a

/** Parses the section's bytes. Notes of others, and JSON which is not as specified, are passed over. */
export function parseDlopenNotes(section: Uint8Array, littleEndian = true): DlopenDependency[] {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength)
  const found: DlopenDependency[] = []
  let offset = 0
  while (offset + 12 <= section.length) {
    const nameSize = view.getUint32(offset, littleEndian)
    const descSize = view.getUint32(offset + 4, littleEndian)
    const type = view.getUint32(offset + 8, littleEndian)
    const nameStart = offset + 12
    const descStart = nameStart + ((nameSize + 3) & ~3)
    const descEnd = descStart + descSize
    if (descEnd > section.length) break
    const owner = textOf(section.subarray(nameStart, nameStart + nameSize))
    if (type === NT_FDO_DLOPEN && owner === 'FDO') found.push(...parseJson(textOf(section.subarray(descStart, descEnd))))
    offset = descStart + ((descSize + 3) & ~3)
  }
  return found
}

function textOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8')
  const end = text.indexOf('\0')
  return end < 0 ? text : text.slice(0, end)
}

function parseJson(text: string): DlopenDependency[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return []
  }
  return Array.isArray(parsed) ? parsed.flatMap(parseItem) : []
}

function parseItem(item: unknown): DlopenDependency[] {
  if (typeof item !== 'object' || item === null || !('soname' in item) || !Array.isArray(item.soname)) return []
  const sonames = item.soname.filter((name): name is string => typeof name === 'string')
  const priority = 'priority' in item ? item.priority : undefined
  const feature = 'feature' in item && typeof item.feature === 'string' ? item.feature : ''
  if (sonames.length === 0) return []
  return [{
    sonames,
    feature,
    // The specification's default, where a note says nothing.
    priority: priority === 'required' || priority === 'suggested' ? priority : 'recommended',
  }]
}
