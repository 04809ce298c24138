#!/bin/bash
# Makes an image as mkinitcpio(8) documents it, for hooks to be tested: Debian has no mkinitcpio. Our own text, by the man
# page: the functions that an install file may call, in $BUILDROOT, and the lists of runtime hooks in /config.
# usage: build.bash BUILDROOT HOOK...      hooks are in /etc/initcpio/install; 'systemd' stands for its being init of the image.
# $KERNELVERSION: the image is to be booted by this kernel: its modules are put in, and with 'systemd' the tree's systemd itself.

set -eu
BUILDROOT=$1
shift
declare -A runscripts=()

error() { printf "==> ERROR: $1\n" "${@:2}" >&2; }
warning() { printf "==> WARNING: $1\n" "${@:2}" >&2; }
add_dir() { mkdir -p "$BUILDROOT$1"; }
add_file() {
    local target=${2:-$1}
    mkdir -p "$BUILDROOT${target%/*}"
    cp -Lp "$1" "$BUILDROOT$target"
}
add_symlink() {
    mkdir -p "$BUILDROOT${1%/*}"
    ln -sfn "$2" "$BUILDROOT$1"
}
# With the libraries that it needs, as ldd says.
add_binary() {
    local library file=$1
    [[ $file == /* ]] || file=$(type -P "$file")
    add_file "$file" "${2:-$file}"
    while read -r library; do
        [[ -e $BUILDROOT$library ]] || add_file "$library"
    done < <(ldd "$file" 2> /dev/null | grep -o '/[^ ]*')
}
add_module() { echo "$1" >> "$BUILDROOT/modules.list"; }
add_runscript() { runscripts[$hook]=1; }

mkdir -p "$BUILDROOT"/{proc,sys,dev,run,tmp,new_root,hooks,etc,usr/bin,usr/lib,usr/lib64}
for link in bin:usr/bin sbin:usr/bin lib:usr/lib lib64:usr/lib64 usr/sbin:bin; do
    ln -s "${link#*:}" "$BUILDROOT/${link%%:*}"
done
[[ ! -e /bin/busybox ]] || add_file /bin/busybox /usr/bin/busybox
for applet in ash sh mount mkdir insmod findfs env sleep cat; do
    add_symlink "/usr/bin/$applet" busybox
done
# What stands there before: not to be called.
printf '#!/bin/sh\necho the switch_root of before\n' > "$BUILDROOT/usr/bin/switch_root"
chmod 755 "$BUILDROOT/usr/bin/switch_root"

# Its programs and units, udev with its rules, and what they call; all that asks for a file finds it.
add_systemd() {
    local file
    rm -f "$BUILDROOT"/usr/bin/{sh,mount,mkdir,insmod,findfs,env,sleep,cat,switch_root}
    cp -a /usr/lib/systemd "$BUILDROOT/usr/lib/"
    mkdir -p "$BUILDROOT"/{sysroot,tmp,root} "$BUILDROOT/usr/lib/udev"
    cp -a /usr/lib/udev/rules.d "$BUILDROOT/usr/lib/udev/"
    for file in /usr/lib/systemd/systemd* /usr/lib/systemd/system-generators/systemd-fstab-generator; do
        [[ ! -f $file ]] || add_binary "$(readlink -f "$file")"
    done
    for file in sh mount umount mkdir cat sleep env udevadm systemctl kmod systemd-tmpfiles; do
        file=$(type -P "$file")
        add_binary "$(readlink -f "$file")" "/usr/bin/${file##*/}"
    done
    # Opened while it runs, so that ldd does not know it: without it udev loads no module.
    add_binary "$(readlink -f /usr/lib/*/libkmod.so.2)" "$(echo /usr/lib/*/libkmod.so.2)"
    rm -f "$BUILDROOT"/usr/lib/systemd/system/{,*/}dracut-*
    add_symlink /usr/bin/modprobe kmod
    add_symlink /init usr/lib/systemd/systemd
    for file in /etc/{passwd,group,os-release,ld.so.cache}; do
        add_file "$file"
    done
    # Units that mkinitcpio would not put in either: only udev, the journal and what makes devices.
    for file in "$BUILDROOT"/usr/lib/systemd/system/{sysinit,sockets,local-fs,basic,timers,paths}.target.wants/*; do
        case ${file##*/} in
        systemd-journald* | systemd-udev* | kmod-static-nodes* | systemd-modules-load* | systemd-tmpfiles-setup-dev*) ;;
        *) rm -f "$file" ;;
        esac
    done
    # Nobody logs in there.
    rm -f "$BUILDROOT"/usr/lib/systemd/system-generators/systemd-{gpt-auto,getty,debug,tpm2,ssh}*
    printf '%s\n' virtio_pci virtio_blk ext4 >> "$BUILDROOT/modules.list"
}

for hook in "$@"; do
    if [[ $hook == systemd ]]; then
        if [[ -n ${KERNELVERSION:-} ]]; then add_systemd; else add_file /bin/true /usr/lib/systemd/systemd; fi
        continue
    fi
    unset -f build help
    . "/etc/initcpio/install/$hook"
    build
done

# The functions that a runtime hook has decide about its lists; cleanup goes the other way round.
early='' run='' late='' cleanup=''
for hook in "$@"; do
    [[ -v runscripts[$hook] ]] || continue
    add_file "/etc/initcpio/hooks/$hook" "/hooks/$hook"
    for function in early run late cleanup; do
        name=run_${function}hook
        [[ $function != run ]] || name=run_hook
        grep -q "^$name *()" "/etc/initcpio/hooks/$hook" || continue
        case $function in
        early) early+=" $hook" ;;
        run) run+=" $hook" ;;
        late) late+=" $hook" ;;
        cleanup) cleanup=" $hook$cleanup" ;;
        esac
    done
done
printf "EARLYHOOKS='%s'\nHOOKS='%s'\nLATEHOOKS='%s'\nCLEANUPHOOKS='%s'\n" "$early" "$run" "$late" "$cleanup" > "$BUILDROOT/config"

[[ -z ${KERNELVERSION:-} ]] && exit
for module in $(cat "$BUILDROOT/modules.list"); do
    modprobe --set-version "$KERNELVERSION" --show-depends "$module" | while read -r kind path _; do
        [[ $kind != insmod ]] || add_file "$path"
    done
done
for list in order builtin builtin.modinfo; do
    add_file "/usr/lib/modules/$KERNELVERSION/modules.$list"
done
depmod -b "$BUILDROOT" "$KERNELVERSION"
