#!/bin/sh
# dracut hook at cleanup, the last thing before the switch: makes ready what stays of the initramfs.
#
# With systemd in the initramfs the switch is systemd's, which deletes the files of the initramfs afterwards. So a
# compressed copy of what the way back needs is mounted at /run/initramfs, where systemd-shutdown looks for it and
# what dracut-shutdown.service takes as a sign that there is nothing to unpack. The copy's file may be deleted then:
# the loop device holds it. `fulcrum keep` decides about the processes and writes the record. POSIX sh, sourced.

fulcrum_mount_copy() {
    if [ -e /lib/fulcrum/kept.squashfs ]; then
        modprobe -q loop
        modprobe -q squashfs
        mount -t squashfs -o loop,ro,nosuid,nodev /lib/fulcrum/kept.squashfs /run/initramfs
    elif [ -d /lib/fulcrum/kept ]; then
        mount -t tmpfs -o mode=0700,nosuid,nodev fulcrum /run/initramfs || return 1
        cp -a /lib/fulcrum/kept/. /run/initramfs/ && mount -o remount,ro /run/initramfs && return 0
        umount /run/initramfs
        return 1
    else
        return 1
    fi
}

# The copy is read-only, and has links by these names to where their files are put: a passphrase, logs.
fulcrum_set_aside() {
    for left in overlayfs.passwd init.log rdsosreport.txt usr-fsck cmdline.d log; do
        [ -e "/run/initramfs/$left" ] || continue
        mkdir -p /run/fulcrum && mkdir -p -m 0700 /run/fulcrum/left && cp -a "/run/initramfs/$left" /run/fulcrum/left/
    done
}

# The program that init will find by this name is ours, whatever another module has put there.
fulcrum_stand_in() {
    switch=$(command -v switch_root) || switch=/usr/sbin/switch_root
    grep -q fulcrum "$switch" 2> /dev/null && return 0
    [ -e /usr/lib/fulcrum/switch_root ] || [ -L "$switch" ] || cp "$switch" /usr/lib/fulcrum/switch_root
    rm -f "$switch"
    cp /usr/lib/fulcrum/stand-in "$switch"
}

fulcrum_keep() {
    if [ -z "$DRACUT_SYSTEMD" ]; then
        [ ! -x /usr/lib/fulcrum/stand-in ] || (fulcrum_stand_in)
        # `fulcrum switch` mounts the copy, but loads no modules.
        if [ -e /lib/fulcrum/kept.squashfs ]; then
            modprobe -q loop
            modprobe -q squashfs
            fulcrum_set_aside
        fi
        return 0
    fi
    if [ -x /usr/bin/fulcrum ]; then
        /usr/bin/fulcrum keep "$NEWROOT" || warn "fulcrum: the initramfs is not kept"
        return 0
    fi
    if grep -q ' /run/initramfs[/ ]' /proc/self/mountinfo; then
        warn "fulcrum: Cannot keep the initramfs: something is mounted at or below /run/initramfs"
        return 0
    fi
    mkdir -p /run/initramfs
    fulcrum_set_aside
    if ! fulcrum_mount_copy; then
        warn "fulcrum: Cannot mount the copy of the initramfs at /run/initramfs: the way back will be dracut's"
        return 0
    fi
    /run/initramfs/usr/bin/fulcrum keep "$NEWROOT" || warn "fulcrum: Cannot make the way back ready: see above"
    [ "$(getarg fulcrum.keep=)" != none ] || umount /run/initramfs
}

fulcrum_keep
