// The octal escapes of fstab(5) and /proc/PID/mountinfo.
//
// One decoder for both files: they escape the same way, and a path beyond ASCII is UTF-8 in both.
// Man pages: getmntent(3), proc_pid_mountinfo(5).

/** Decodes the escapes of fstab and /proc/mounts: '\040' is a blank. Bytes above 0x7f are UTF-8. */
export function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/(?:\\[0-3][0-7]{2})+/g, (run) => {
    const bytes = run.slice(1).split('\\').map((octal) => Number.parseInt(octal, 8))
    return Buffer.from(bytes).toString('utf8')
  })
}
