// How a scenario's script ends a machine the way people do: through the kept initramfs, which takes the root down.
// The small root has no fulcrum of its own; its init does not come back from this, so the script says itself that it is done.

/** The last lines of a script, behind tapScript(). The root needs the applet chroot. */
export const LEAVE_ROOT = `
echo '{"record":"done","scriptStatus":0}'
sleep 0.2
exec chroot /run/rootfs /bin/fulcrum shutdown --force poweroff > /dev/console 2>&1
`
