// The picture: well-formed, the same twice, nothing of a name leaks into the markup, hidden ones dashed, peers coloured.

import t from 'tap'
import { parseMountInfo } from '../mountinfo.ts'
import { buildMountTree, recordOf } from './mount-tree.ts'
import type { MountTree } from './mount-tree.ts'
import { drawHtml, drawSvg } from './picture.ts'

const line = (id: number, parent: number, point: string, optional = ''): string => `${id} ${parent} 0:${id} / ${point} rw ${optional}- tmpfs t${id} rw`
const treeOf = (...lines: string[]): MountTree => buildMountTree(parseMountInfo(lines.join('\n')).map(recordOf), 'mountinfo')
const evil = '/<script>alert("\'&amp;")</script>\\033[31m]]>'
const tree = treeOf(line(1, 9, '/', 'shared:5 '), line(2, 1, evil), line(3, 1, '/a', 'shared:5 '), line(4, 3, '/a', 'master:5 '), line(6, 1, `/${'long'.repeat(40)}`, 'shared:6 '))

/** Names of elements that are open and closed properly, or throws. */
function checkXml(text: string): number {
  const open: string[] = []
  let count = 0
  const rest = text.replace(/<(\/?)([a-z][a-z0-9]*)((?: [a-zA-Z:-]+="[^"<]*")*)(\/?)>/g, (_, end: string, name: string, _a: string, empty: string) => {
    count += 1
    if (end === '/') {
      if (open.pop() !== name) throw new Error(`Cannot close '${name}'`)
    } else if (empty === '') open.push(name)
    return ''
  })
  if (open.length > 0 || /[<>]|&(?!#\d+;)/.test(rest)) throw new Error(`Cannot parse '${rest}'`)
  return count
}

t.test('svg', async (t) => {
  const svg = drawSvg(tree)
  t.equal(drawSvg(buildMountTree([...tree.nodes].reverse(), 'mountinfo')), svg, 'whatever the order of the lines was')
  t.ok(checkXml(svg) > 20)
  t.notMatch(svg, /<script|alert\("|[\u0000-\u0009\u000b-\u001f]/)
  t.match(svg, /&#60;script&#62;alert\(&#34;&#39;&#38;amp;&#34;\)/)
  t.match(svg, /\\x1b\[31m/)
  t.equal(svg.match(/<rect [^>]*stroke-dasharray/g)?.length, 1, 'the covered /a, no other')
  t.equal(svg.match(/<rect [^>]*stroke-width/g)?.length, 1, 'the root')
  const fills = [...svg.matchAll(/<rect x=[^>]*fill="(#\w+)" stroke="(#\w+)"/g)].map((m) => [m[1], m[2]])
  const at = (id: number): unknown => fills[tree.nodes.findIndex((m) => m.id === id)]
  t.strictSame(at(1), at(3), 'peers look the same')
  t.notSame(at(1), at(6))
  t.strictSame(at(4), ['#ffffff', fills[0]?.[1]], 'a slave is framed in the colour of its master')
  t.match(svg, /(long){10}[^<]*…</)
})

t.test('html', async (t) => {
  const html = drawHtml(tree)
  t.ok(checkXml(html.replace('<!DOCTYPE html>\n', '').replace('<meta charset="utf-8">', '')) > 40)
  t.notMatch(html, /<script|src=|href=|url\(|@import/)
  t.equal(html.match(/<tr/g)?.length, tree.nodes.length + 1)
})

t.test('no mounts at all', async (t) => {
  t.ok(checkXml(drawSvg(treeOf())) > 0)
})
