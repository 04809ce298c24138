// Text from a mount table for a person's terminal: a name may hold anything but a zero byte and a slash.
//
// Control characters could move the cursor or retitle the window, and directional marks could reorder a line, so they
// are shown as escapes. Pure.

/** C0, DEL, C1, line separators, directional marks, byte order mark, halves of pairs, what no text has. */
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** The text with '\x1b' and '\u202e' for what could do harm, and '\\' for a backslash. */
export function printable(text: string): string {
  return text.replaceAll('\\', '\\\\').replace(UNSAFE, (c) => {
    const code = c.charCodeAt(0)
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** JSON, indented, that holds none of those characters either; it means the same. */
export function safeJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2)
  return text.replace(UNSAFE, (c) => (c === '\n' ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`))
}
