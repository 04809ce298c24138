# Runs the module-setup.sh of one dracut module for a fulcrum image: the functions that such a file calls, and then its
# own check, depends, install and installkernel. For bash on the machine that builds; $dracutsysrootdir is where
# programs come from, $initdir an empty directory that becomes part of the image. What is answered goes to descriptor 3,
# one line each: depends NAME, module NAME, refuse TEXT, warn TEXT.          dracut.modules(7), docs/dracut-hooks.md

_f_answer() { printf '%s %s\n' "$1" "${*:2}" >&3; }

dinfo() { :; }
ddebug() { :; }
dtrace() { :; }
dwarn() { _f_answer warn "$*"; }
dwarning() { _f_answer warn "$*"; }
derror() { _f_answer warn "$*"; }
dfatal() { _f_answer refuse "$*"; }

# What calls something that is not here must not look as if it had worked.
command_not_found_handle() {
    _f_answer refuse "it calls '$1', which neither fulcrum nor this machine has"
    return 127
}

# Path in the sysroot of a program, as find_binary prints it.
find_binary() {
    local directory
    if [[ $1 == */* ]]; then
        [[ -x $dracutsysrootdir$1 ]] && printf '%s\n' "$1" && return 0
        return 1
    fi
    for directory in /usr/sbin /usr/bin /sbin /bin; do
        [[ -f $dracutsysrootdir$directory/$1 && -x $dracutsysrootdir$directory/$1 ]] || continue
        printf '%s\n' "$directory/$1"
        return 0
    done
    return 1
}
require_binaries() {
    local name missing=0
    [[ $1 != -m ]] || shift 2
    for name in "$@"; do
        find_binary "$name" > /dev/null && continue
        _f_answer warn "the sysroot has no '$name'"
        missing=1
    done
    return $missing
}
require_any_binary() {
    local name
    [[ $1 != -m ]] || shift 2
    for name in "$@"; do find_binary "$name" > /dev/null && return 0; done
    _f_answer warn "the sysroot has none of '$*'"
    return 1
}
require_kernel_modules() {
    [[ $1 != -m ]] || shift 2
    instmods "$@"
}

# _f_copy SOURCE PLACE: from the sysroot, or from the module's own directory. A place that is there stays.
_f_copy() {
    local source=$dracutsysrootdir$1
    [[ -e $source ]] || source=$1
    [[ -e $source ]] || return 1
    [[ -e $initdir$2 ]] && return 0
    mkdir -p "$initdir${2%/*}"
    cp -Lp --no-preserve=ownership "$source" "$initdir$2"
}
inst_simple() {
    [[ $1 != -H ]] || shift
    [[ -f $dracutsysrootdir$1 || -f $1 ]] || return 1
    _f_copy "$1" "${2:-$1}"
}
inst_script() { inst_simple "$@"; }
inst_library() { inst_simple "$@"; }
inst_binary() {
    local path
    [[ $1 != -H ]] || shift
    path=$(find_binary "$1") || return 1
    _f_copy "$path" "${2:-$path}"
}
inst_dir() {
    mkdir -p "$initdir$1"
}
inst_symlink() {
    local target
    target=$(readlink "$dracutsysrootdir$1") || return 1
    mkdir -p "$initdir${1%/*}"
    ln -sfn "$target" "$initdir${2:-$1}"
    [[ $target == /* ]] || target=${1%/*}/$target
    inst "$target"
}
inst() {
    local path
    case $1 in -H | -o) shift ;; esac
    if [[ -d $dracutsysrootdir$1 ]]; then
        inst_dir "${2:-$1}"
    elif [[ $1 == */* ]]; then
        inst_simple "$@"
    else
        path=$(find_binary "$1") || return 1
        _f_copy "$path" "${2:-$path}"
    fi
}
inst_any() {
    local to= name
    [[ $1 != -d ]] || { to=$2; shift 2; }
    for name in "$@"; do
        [[ -e $dracutsysrootdir$name ]] || continue
        inst "$name" "${to:-$name}"
        return
    done
    return 1
}
# One that is missing is no program of this image; dracut goes on as well, and tells it.
dracut_install() {
    local optional=no result=0 item match
    local -a found
    while [[ $1 == -* ]]; do
        case $1 in
            -o | --optional) optional=yes ;;
            -D | --sysroot) shift ;;
        esac
        shift
    done
    for item in "$@"; do
        found=()
        if [[ $item == /*[*?[]* ]]; then
            for match in "$dracutsysrootdir"$item; do [[ -e $match ]] && found+=("${match#"$dracutsysrootdir"}"); done
        else
            found=("$item")
        fi
        for match in "${found[@]}"; do
            inst "$match" && continue
            [[ $optional == yes ]] && continue
            _f_answer refuse "the sysroot has no '$match'"
            result=1
        done
    done
    return $result
}
inst_multiple() { dracut_install "$@"; }
dracut_install_o() { dracut_install -o "$@"; }
inst_libdir_file() {
    local directory pattern match
    [[ $1 != -n ]] || shift 2
    for pattern in "$@"; do
        for directory in /usr/lib64 /lib64 /usr/lib /lib /usr/lib/*-linux-gnu; do
            for match in "$dracutsysrootdir"$directory/$pattern; do
                [[ -f $match ]] && inst_simple "${match#"$dracutsysrootdir"}"
            done
        done
    done
    return 0
}
inst_rules() {
    local rule directory found
    for rule in "$@"; do
        if [[ $rule == /* ]]; then
            inst_simple "$rule" "/usr/lib/udev/rules.d/${rule##*/}" || _f_answer warn "there is no udev rule '$rule'"
            continue
        fi
        found=no
        for directory in "$moddir" /etc/udev/rules.d /usr/lib/udev/rules.d /lib/udev/rules.d; do
            [[ -f $dracutsysrootdir$directory/$rule || -f $directory/$rule ]] || continue
            inst_simple "$directory/$rule" "/usr/lib/udev/rules.d/$rule"
            found=yes
            break
        done
        [[ $found == yes ]] || ddebug "no $rule"
    done
    return 0
}
inst_rules_wildcard() {
    local pattern match
    for pattern in "$@"; do
        for match in "$dracutsysrootdir"/{etc,usr/lib,lib}/udev/rules.d/$pattern; do
            [[ -f $match ]] && inst_rules "${match##*/}"
        done
    done
    return 0
}
inst_hook() {
    case $1 in
        cmdline | pre-udev | pre-trigger | netroot | initqueue | initqueue/settled | initqueue/online | initqueue/finished | \
            initqueue/timeout | pre-mount | mount | pre-pivot | cleanup | emergency | shutdown-emergency | pre-shutdown | shutdown) ;;
        *)
            _f_answer refuse "there is no hook point '$1'"
            return 1
            ;;
    esac
    if [[ ! -f $3 ]]; then
        _f_answer refuse "its hook '$3' is not there"
        return 1
    fi
    [[ $3 == *.sh ]] || _f_answer warn "its hook '$3' does not run: only names that end in .sh do"
    inst_script "$3" "$hookdir/$1/$2-${3##*/}"
    chmod u+x "$initdir$hookdir/$1/$2-${3##*/}"
}
instmods() {
    local name path
    # Without arguments the names are read.
    if [[ $# -eq 0 ]]; then mapfile -t names; set -- "${names[@]}"; fi
    for name in "$@"; do
        case $name in
            -*) ;;
            =*)
                while IFS= read -r path; do
                    path=${path##*/}
                    _f_answer module "${path%%.ko*}"
                done < <(find "$dracutsysrootdir/lib/modules/$kernel/kernel/${name#=}" -name '*.ko*' 2> /dev/null)
                ;;
            *)
                name=${name##*/}
                _f_answer module "${name%%.ko*}"
                ;;
        esac
    done
    return 0
}

dracut_instmods() { instmods "$@"; }

# Nothing is known of the machine that will boot, and no other module of dracut is in this image.
dracut_module_included() { [[ " $_f_modules " == *" $1 "* ]]; }
dracut_module_path() { printf '%s\n' "$moddir"; }
dracut_need_initqueue() { :; }
mark_hostonly() { :; }
for_each_host_dev_fs() { return 1; }
for_each_host_dev_and_slaves() { return 1; }
for_each_host_dev_and_slaves_all() { return 1; }
check_block_and_slaves() { return 1; }
get_persistent_dev() { printf '%s\n' "$1"; }
dracut_kernel_post() { :; }
check_module() { return 1; }
optional_hostonly() { instmods "$@"; }
is_qemu_virtualized() { return 1; }
inst_sysusers() { :; }
ln_r() {
    mkdir -p "$initdir${2%/*}"
    ln -sfn "$1" "$initdir$2"
}

# Units are none of this image's; what is enabled is not.
SYSTEMCTL=:
DRACUT_CP='cp --preserve=mode,timestamps,links -dfr'
DRACUT_LN='ln -sfn'
export SYSTEMCTL DRACUT_CP DRACUT_LN
mkdir -p "$initdir"/{bin,etc/cmdline.d,etc/conf.d,lib,lib64,sbin,tmp,usr/{bin,lib,lib64,sbin},var/lib} "$initdir$hookdir"
inst_opt_decompress() { inst_simple "$@"; }

# What the functions of the same names say in the initramfs itself: wait_for_dev for "${PREFIX}".
PREFIX=$initdir
NEWROOT=/sysroot
# shellcheck disable=SC1090
. "$moddir/module-setup.sh" || { _f_answer refuse 'its module-setup.sh cannot be read'; exit 1; }
_f_has() { declare -F "$1" > /dev/null; }

if _f_has check; then
    check
    status=$?
    # 255: only when it is asked for, which it is.
    if [[ $status -ne 0 && $status -ne 255 ]]; then
        _f_answer refuse "its check says that it cannot be installed (status $status)"
        exit 0
    fi
fi
if _f_has depends; then for name in $(depends); do _f_answer depends "$name"; done; fi
if _f_has installkernel; then installkernel || _f_answer warn "its installkernel ended with status $?"; fi
if _f_has install; then install || _f_answer warn "its install ended with status $?"; fi
exit 0
