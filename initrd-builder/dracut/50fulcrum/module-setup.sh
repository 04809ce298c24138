#!/bin/bash
# dracut module: fulcrum does the switch of root, or helps systemd with it, and brings the machine back at its end.
#
# Sourced by dracut 059 and newer. Settings in /etc/dracut.conf.d/*.conf, none of them needed:
#   fulcrum_keep=full|slim|none   how the initramfs stays; full: all of it, slim: a compressed copy of what the way
#                                 back needs. Default: full, but slim where systemd is in the initramfs
#   fulcrum_program=PATH          the packed program; default: the one that this module came with
# docs/dracut.md of fulcrum explains; dracut.modules(7), dracut.conf(5).

# The hook has the same list.
fulcrum_left="overlayfs.passwd init.log rdsosreport.txt usr-fsck cmdline.d log"

fulcrum_find() {
    local at
    for at in "${fulcrum_program-}" "@PREFIX@/bin/fulcrum" "$moddir/../../../dist/fulcrum" /usr/local/bin/fulcrum /usr/bin/fulcrum; do
        [[ $at && -f $at && -x $at ]] || continue
        readlink -f "$at"
        return 0
    done
    return 1
}

# koffi's addon lies beside the program or in ../lib/fulcrum.
fulcrum_find_addon() {
    local at
    for at in "${1%/*}/koffi.node" "${1%/*}/../lib/fulcrum/koffi.node"; do
        [[ -f $at ]] || continue
        readlink -f "$at"
        return 0
    done
    return 1
}

check() {
    local program
    if ! program=$(fulcrum_find); then
        derror "fulcrum: Cannot find the program: install it by 'fulcrum install dracut', or set fulcrum_program in /etc/dracut.conf.d"
        return 1
    fi
    if ! fulcrum_find_addon "$program" > /dev/null; then
        derror "fulcrum: Cannot find koffi.node beside '$program' or in ../lib/fulcrum: install it by 'fulcrum install'"
        return 1
    fi
    case ${fulcrum_keep-} in
        '' | full | slim | none) ;;
        *)
            derror "fulcrum: Cannot understand fulcrum_keep='$fulcrum_keep': expected full, slim or none"
            return 1
            ;;
    esac
    return 0
}

depends() {
    return 0
}

# systemd deletes the initramfs behind itself, so all of it cannot be kept there.
fulcrum_mode() {
    if dracut_module_included systemd && [[ ${fulcrum_keep-} != none ]]; then
        echo slim
    else
        echo "${fulcrum_keep:-full}"
    fi
}

installkernel() {
    [[ $(fulcrum_mode) == slim ]] && hostonly='' instmods loop squashfs
    return 0
}

# dracut-install(1) into a tree of one's own: the variable initdir, which inst and its like use, is read-only.
fulcrum_inst() {
    local tree=$1
    shift
    # shellcheck disable=SC2086
    "$DRACUT_INSTALL" ${dracutsysrootdir:+-r "$dracutsysrootdir"} -D "$tree" -l "$@"
}

# What the program is linked with, into a tree. Of its own accord dracut 112 finds it by the section headers of a
# program only, which this one does not have. ldd(1)
fulcrum_install_libraries() {
    local program
    local -a libraries
    program=$(fulcrum_find) || return 1
    readarray -t libraries < <(LC_ALL=C ldd "$program" | sed -n 's/^[[:space:]]*\(.* => \)\{0,1\}\(\/[^ ]*\) (.*/\2/p')
    [[ ${#libraries[@]} -gt 0 ]] || return 1
    fulcrum_inst "$1" -a "${libraries[@]}"
}

# The program and its addon, where it looks for it, and what the way back finds in its place.
fulcrum_install_program() {
    local tree=$1 program
    program=$(fulcrum_find) || return 1
    fulcrum_install_libraries "$tree" || return 1
    fulcrum_inst "$tree" "$program" /usr/bin/fulcrum || return 1
    fulcrum_inst "$tree" "$(fulcrum_find_addon "$program")" /usr/lib/fulcrum/koffi.node || return 1
    ln -sfn usr/bin/fulcrum "$tree/shutdown"
    mkdir -p "$tree/oldroot" "$tree/etc"
    # What an initramfs is known by; dracut 112 makes it with systemd only. Module base, later, writes the file.
    [[ -e $tree/etc/initrd-release ]] || ln -sfn ../usr/lib/initrd-release "$tree/etc/initrd-release"
}

fulcrum_install_settings() {
    mkdir -p "$1/etc/fulcrum"
    printf '{"keep":"%s"}\n' "$2" > "$1/etc/fulcrum/image.json"
    [[ ! -f /etc/fulcrum/processes.toml ]] || fulcrum_inst "$1" /etc/fulcrum/processes.toml
}

# A root of its own with what the way back needs: the program, and a shell for whoever wants to look.
fulcrum_make_tree() {
    local tree=$1 dir
    mkdir -p "$tree"/{usr/bin,usr/sbin,usr/lib,etc,dev,proc,sys,run,tmp,sysroot}
    for dir in bin sbin lib lib32 lib64 libx32; do
        if [[ -L /$dir ]]; then
            mkdir -p "$tree/usr/$dir"
            ln -sfn "usr/$dir" "$tree/$dir"
        elif [[ -e /$dir ]]; then
            mkdir -p "$tree/$dir"
        fi
    done
    fulcrum_install_program "$tree" || return 1
    fulcrum_inst "$tree" -a sh mount umount || return 1
    fulcrum_inst "$tree" -o -a ls cat ps dmesg sleep
    # What dracut leaves in /run/initramfs, which this covers: the hook puts it beside.
    for dir in $fulcrum_left; do
        ln -sfn "../fulcrum/left/$dir" "$tree/$dir"
    done
    printf 'NAME="the way back, kept from an initramfs of dracut"\nID=fulcrum\n' > "$tree/usr/lib/initrd-release"
    fulcrum_install_settings "$tree" slim
    chmod 700 "$tree"
}

# The compressed copy; without mksquashfs(1) the files as they are, which the hook copies into memory.
fulcrum_install_copy() {
    local tree=$DRACUT_TMPDIR/fulcrum-kept copy=$initdir/lib/fulcrum/kept.squashfs
    mkdir -p "$initdir/lib/fulcrum"
    if ! command -v mksquashfs > /dev/null; then
        if ! dracut_module_included systemd; then
            dwarn "fulcrum: Cannot find mksquashfs (package squashfs-tools): all of the initramfs will be kept, not a copy"
            return 0
        fi
        dwarn "fulcrum: Cannot find mksquashfs (package squashfs-tools): the way back will take 85 MB of memory instead of 30"
        fulcrum_make_tree "$initdir/lib/fulcrum/kept"
        return
    fi
    local -a method=(gzip) squash=(mksquashfs "$tree" "$copy" -noappend -no-progress -quiet -no-xattrs -all-root -b 128K)
    check_kernel_config CONFIG_SQUASHFS_ZSTD && method=(zstd -Xcompression-level 9)
    rm -rf "$tree" "$copy"
    fulcrum_make_tree "$tree" || return 1
    # lz4 comes back four times quicker than zstd. An mksquashfs may have been built without it.
    check_kernel_config CONFIG_SQUASHFS_LZ4 && "${squash[@]}" -comp lz4 -Xhc > /dev/null 2>&1 && return 0
    "${squash[@]}" -comp "${method[@]}" > /dev/null
}

install() {
    local mode switch
    mode=$(fulcrum_mode)
    fulcrum_install_settings "$initdir" "$mode"
    if [[ $mode == slim ]] && ! fulcrum_install_copy; then
        derror "fulcrum: Cannot make the copy of the way back: see above; the image boots without it"
    fi
    # Without systemd the program takes the place of PID 1 itself; with it, it is run from the copy, if there is one.
    if ! dracut_module_included systemd; then
        fulcrum_install_program "$initdir" || return 1
        # What comes first stays: module base, later, finds the name taken, unless busybox is in the image (112). Then the
        # hook puts it there. init looks for it as dracut does.
        inst_simple "$moddir/switch_root" /usr/lib/fulcrum/stand-in
        switch=$(find_binary switch_root) || switch=/usr/sbin/switch_root
        [[ ! -f $switch ]] || fulcrum_inst "$initdir" "$switch" /usr/lib/fulcrum/switch_root
        inst_simple "$moddir/switch_root" "$switch"
    elif [[ $mode == none ]]; then
        fulcrum_install_program "$initdir" || return 1
    else
        # It is run from the copy.
        fulcrum_install_libraries "$initdir" || return 1
    fi
    inst_multiple -o mount umount cp rm grep mkdir
    inst_hook cleanup 95 "$moddir/fulcrum-keep.sh"
}
