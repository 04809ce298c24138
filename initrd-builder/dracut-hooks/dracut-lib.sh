# The functions that hooks written for dracut call, for fulcrum's initramfs: POSIX, for busybox sh, dash and bash.
#
# Sourced by run-hooks for every hook, and by programs that hooks and udev rules start. Names and meanings are
# dracut's (dracut.modules(7)); PID 1 is not a shell here, so what stops a boot is left in a file for it.
# docs/dracut-hooks.md

export PATH="${PATH:-/usr/sbin:/usr/bin:/sbin:/bin:/lib/fulcrum/bin}"
export NEWROOT="${NEWROOT:-/sysroot}"
export hookdir="${hookdir:-/var/lib/dracut/hooks}"
# Where PID 1 and the shells of the hooks leave each other what they have to say.
_f_state="${FULCRUM_HOOKS_STATE:-/run/fulcrum/hooks}"
_f_newline='
'
unset DRACUT_SYSTEMD

# --- messages ---------------------------------------------------------------------------------------------------

_f_quiet() {
    [ "${FULCRUM_QUIET:-no}" = yes ]
}
check_quiet() {
    if [ -z "${DRACUT_QUIET:-}" ]; then
        if _f_quiet; then DRACUT_QUIET=yes; else DRACUT_QUIET=no; fi
        export DRACUT_QUIET
    fi
}
_f_kmsg() {
    # Only the level is the kernel's business; without a log there is the console.
    { echo "<$1>dracut: $2" > /dev/kmsg; } 2> /dev/null || :
}
info() {
    _f_quiet || echo "dracut: $*" >&2
}
warn() {
    echo "dracut Warning: $*" >&2
}
vinfo() {
    while read -r _f_line || [ -n "$_f_line" ]; do info "$_f_line"; done
}
vwarn() {
    while read -r _f_line || [ -n "$_f_line" ]; do warn "$_f_line"; done
}
debug_on() {
    if [ "${RD_DEBUG:-}" = yes ]; then set -x; fi
}
debug_off() {
    set +x
}
setdebug() {
    if [ -z "${RD_DEBUG:-}" ] && getargbool 0 rd.debug; then
        RD_DEBUG=yes
        export RD_DEBUG
    fi
    debug_on
}

# Ends this shell and lets PID 1 open its console: kind, message. In a shell that a hook has started PID 1 finds it
# when the hooks of the point have ended.
_f_stop() {
    mkdir -p "$_f_state"
    [ -e "$_f_state/stopped" ] || printf '%s\n%s\n' "$1" "$2" > "$_f_state/stopped"
    exit 77
}
die() {
    _f_kmsg 24 "FATAL: $*"
    _f_stop die "$*"
}
emergency_shell() {
    while :; do
        case "${1:-}" in
            -n | --shutdown) shift 2 ;;
            *) break ;;
        esac
    done
    _f_stop emergency "${*:-a hook asks for a shell}"
}
action_on_fail() {
    emergency_shell "$@"
}

# --- strings ----------------------------------------------------------------------------------------------------

str_starts() {
    [ "${1#"$2"}" != "$1" ]
}
str_ends() {
    [ "${1%"$2"}" != "$1" ]
}
strstr() {
    [ "${1##*"$2"*}" != "$1" ]
}
# shellcheck disable=SC2295
strglobin() {
    [ -n "$1" ] && [ -z "${1##*$2*}" ]
}
# shellcheck disable=SC2254
strglob() {
    case "$1" in
        $2) return 0 ;;
    esac
    return 1
}
str_replace() {
    _f_in=$1
    _f_out=
    if [ -n "$2" ]; then
        while :; do
            case "$_f_in" in
                *"$2"*) ;;
                *) break ;;
            esac
            _f_out="$_f_out${_f_in%%"$2"*}$3"
            _f_in="${_f_in#*"$2"}"
        done
    fi
    printf '%s\n' "$_f_out$_f_in"
}
trim() {
    _f_in=$1
    _f_in="${_f_in#"${_f_in%%[![:space:]]*}"}"
    printf '%s' "${_f_in%"${_f_in##*[![:space:]]}"}"
}
# splitsep SEPARATOR TEXT NAME…: a part for each variable, the rest for the last.
splitsep() {
    _f_sep=$1
    _f_text=$2
    shift 2
    while [ -n "$_f_text" ] && [ $# -gt 1 ]; do
        eval "$1=\${_f_text%%\"\$_f_sep\"*}"
        case "$_f_text" in
            *"$_f_sep"*) _f_text="${_f_text#*"$_f_sep"}" ;;
            *) _f_text= ;;
        esac
        shift
    done
    [ -z "$_f_text" ] || [ $# -eq 0 ] || eval "$1=\$_f_text"
}
isdigit() {
    case "$1" in
        '' | *[!0-9]*) return 1 ;;
    esac
}

# --- the kernel command line ------------------------------------------------------------------------------------

# All words: those of the image, those of /etc/cmdline, the kernel's (with what a person has set since) as the last.
getcmdline() {
    _f_all=
    for _f_file in /etc/cmdline.d/*.conf /etc/cmdline "$_f_state/cmdline"; do
        [ "$_f_file" != "$_f_state/cmdline" ] || [ -e "$_f_file" ] || _f_file=/proc/cmdline
        [ -e "$_f_file" ] || continue
        while read -r _f_line || [ -n "$_f_line" ]; do
            _f_all="$_f_all$_f_line "
        done < "$_f_file"
    done
    printf '%s\n' "${_f_all% }"
}

# Takes the next word off $_f_rest, as the kernel does: _f_key, _f_value, and _f_bare when it has no '='.
_f_space='[ 	
]*'
_f_stops='[ 	
"]*'
_f_blank='[ 	
]'
_f_next_word() {
    while :; do
        # shellcheck disable=SC2254
        case "$_f_rest" in
            '') return 1 ;;
            $_f_blank*) _f_rest=${_f_rest#?} ;;
            *) break ;;
        esac
    done
    _f_word=
    _f_quoted=no
    while [ -n "$_f_rest" ]; do
        if [ $_f_quoted = yes ]; then _f_chunk=${_f_rest%%\"*}; else
            # shellcheck disable=SC2295
            _f_chunk=${_f_rest%%$_f_stops}
        fi
        _f_word=$_f_word$_f_chunk
        _f_rest=${_f_rest#"$_f_chunk"}
        case "$_f_rest" in
            \"*)
                _f_word="$_f_word\""
                _f_rest=${_f_rest#?}
                if [ $_f_quoted = yes ]; then _f_quoted=no; else _f_quoted=yes; fi
                ;;
            *) break ;;
        esac
    done
    _f_whole=no
    case "$_f_word" in
        \"*)
            _f_whole=yes
            _f_word=${_f_word#?}
            ;;
    esac
    # A '=' in front belongs to the key.
    _f_first=${_f_word%"${_f_word#?}"}
    _f_tail=${_f_word#?}
    case "$_f_tail" in
        *=*)
            _f_bare=no
            _f_key=$_f_first${_f_tail%%=*}
            _f_value=${_f_tail#*=}
            case "$_f_value" in
                \"*)
                    _f_value=${_f_value#?}
                    _f_value=${_f_value%\"}
                    ;;
                *) [ $_f_whole = no ] || _f_value=${_f_value%\"} ;;
            esac
            ;;
        *)
            _f_bare=yes
            _f_key=$_f_word
            _f_value=
            [ $_f_whole = no ] || _f_key=${_f_key%\"}
            ;;
    esac
    return 0
}

# One name, KEY or KEY= (the value of the last one is printed) or KEY=VALUE (whether the last one has it).
_f_getarg() {
    _f_wanted=${1%%=*}
    _f_same=
    case "$1" in *=*) _f_same=${1#*=} ;; esac
    _f_found=no
    _f_last=
    [ -n "$_f_wanted" ] || return 1
    _f_rest=$_f_line_once
    while _f_next_word; do
        [ "$_f_key" = "$_f_wanted" ] || continue
        _f_found=yes
        _f_last=$_f_value
    done
    [ $_f_found = yes ] || return 1
    if [ -n "$_f_same" ]; then
        [ "$_f_last" = "$_f_same" ]
        return
    fi
    [ -z "$_f_last" ] || printf '%s\n' "$_f_last"
}

# getarg [-d] [-y NAME|-n NAME] NAME…: the first that is there. -y and -n stand for 1 and 0; -d marks an old name.
getarg() {
    _f_line_once=$(getcmdline)
    while [ $# -gt 0 ]; do
        case "$1" in
            -d) shift ;;
            -y | -n)
                if _f_getarg "$2" > /dev/null; then
                    [ "$1" = -n ] || {
                        echo 1
                        return 0
                    }
                    echo 0
                    return 1
                fi
                shift 2
                ;;
            *)
                if _f_getarg "$1"; then return 0; fi
                shift
                ;;
        esac
    done
    return 1
}

# getargs NAME…: the values of all, one a line; a word without a value is its own.
getargs() {
    _f_any=1
    _f_line_once=$(getcmdline)
    while [ $# -gt 0 ]; do
        case "$1" in
            -d) ;;
            *)
                _f_wanted=${1%%=*}
                _f_same=
                case "$1" in *=*) _f_same=${1#*=} ;; esac
                _f_rest=$_f_line_once
                while _f_next_word; do
                    [ "$_f_key" = "$_f_wanted" ] || continue
                    [ -z "$_f_same" ] || [ "$_f_value" = "$_f_same" ] || continue
                    _f_any=0
                    if [ -n "$_f_same" ]; then continue; fi
                    if [ $_f_bare = yes ]; then printf '%s\n' "$_f_key"; else printf '%s\n' "$_f_value"; fi
                done
                ;;
        esac
        shift
    done
    return $_f_any
}

# getargbool DEFAULT NAME…: status 0 unless the word says 0, no or off.
getargbool() {
    _f_default=$1
    shift
    if _f_bool=$(getarg "$@"); then :; elif [ -z "$_f_bool" ]; then _f_bool=$_f_default; fi
    case "$_f_bool" in
        0 | no | off) return 1 ;;
    esac
    return 0
}

# getargnum DEFAULT MIN MAX NAME…: prints the number, or DEFAULT when it is none or out of range.
getargnum() {
    _f_default=$1
    _f_min=$2
    _f_max=$3
    shift 3
    _f_number=$(getarg "$@") || _f_number=
    if isdigit "$_f_number" && [ "$_f_number" -ge "$_f_min" ] && [ "$_f_number" -le "$_f_max" ]; then
        echo "$((_f_number))"
    else
        echo "$_f_default"
    fi
}

# getoptcomma LIST KEY[=]: the value of an option of a list with commas.
getoptcomma() {
    _f_rest_options=$1,
    _f_option=
    _f_result=1
    while [ -n "$_f_rest_options" ]; do
        _f_one=${_f_rest_options%%,*}
        _f_rest_options=${_f_rest_options#*,}
        case "$_f_one" in
            "${2%=}"=*)
                _f_option=${_f_one#*=}
                _f_result=0
                ;;
            "${2%=}")
                _f_option=
                _f_result=0
                ;;
        esac
    done
    [ -z "$_f_option" ] || echo "$_f_option"
    return $_f_result
}

# --- hooks ------------------------------------------------------------------------------------------------------

# Files of a point in the order in which they run: by name; of two with one name that of the directory named first.
list_hooks() {
    _f_names=
    for _f_dir in "$hookdir" /var/lib/dracut/hooks /etc/dracut/hooks /usr/lib/dracut/hooks /lib/dracut/hooks; do
        for _f_file in "$_f_dir/$1"/*.sh; do
            [ -e "$_f_file" ] || continue
            case "$_f_names" in
                *"/${_f_file##*/}$_f_newline"*) continue ;;
            esac
            _f_names="$_f_names$_f_file$_f_newline"
        done
    done
    [ -n "$_f_names" ] || return 0
    # Sorted by the last part: put in front, and taken off again.
    printf '%s' "$_f_names" | while read -r _f_file; do printf '%s/%s\n' "${_f_file##*/}" "$_f_file"; done |
        LC_ALL=C sort | while read -r _f_file; do printf '%s\n' "${_f_file#*/}"; done
}

# Sources one file of a point; what it does to the shell's own settings ends with it.
_f_source() {
    _f_hook=$1
    shift
    [ "${FULCRUM_HOOKS_VERBOSE:-no}" = no ] || info "hook $_f_hook"
    _f_status=0
    # shellcheck disable=SC1090
    . "$_f_hook" "$@" || _f_status=$?
    set +eu
    _f_hook=
    return $_f_status
}
source_all() {
    _f_point=$1
    shift
    for f in $(list_hooks "$_f_point"); do
        [ -e "$f" ] || continue
        _f_source "$f" "$@"
    done
}
source_hook() {
    source_all "$@"
}
source_conf() {
    for _f_file in "/$1"/*.conf; do
        # shellcheck disable=SC1090
        [ ! -e "$_f_file" ] || . "$_f_file"
    done
}

# initqueue [--onetime] [--unique] [--name NAME] [--env K=V] [--settled|--online|--finished|--timeout] PROGRAM [ARG…]
initqueue() {
    _f_once=
    _f_queue=
    _f_unique=
    _f_name=
    _f_environment=
    while [ $# -gt 0 ]; do
        case "$1" in
            --onetime) _f_once=yes ;;
            --settled | --online | --finished | --timeout) _f_queue=/${1#--} ;;
            --unique) _f_unique=yes ;;
            --name)
                _f_name=$2
                shift
                ;;
            --env)
                _f_environment=$2
                shift
                ;;
            *) break ;;
        esac
        shift
    done
    if [ $# -eq 0 ]; then
        warn "initqueue: no program is named"
        return 1
    fi
    _f_program=$1
    shift
    [ -x "$_f_program" ] || _f_program=$(command -v "$_f_program")
    if [ -z "$_f_program" ]; then
        warn "initqueue: there is no such program"
        return 1
    fi
    _f_base=$(trim "${_f_program##*/}")
    if [ -z "$_f_name" ] && [ -n "$_f_unique" ]; then _f_name=$_f_base; fi
    [ -n "$_f_name" ] || _f_name="$_f_base-$$"
    _f_job="$hookdir/initqueue$_f_queue/$_f_name.sh"
    if [ -n "$_f_unique" ] && [ -e "$_f_job" ]; then return 0; fi
    mkdir -p "${_f_job%/*}" "$_f_state"
    # Written aside and renamed: it may run at any time.
    {
        [ -z "$_f_environment" ] || printf '%s\n' "$_f_environment"
        # shellcheck disable=SC2016
        [ -z "$_f_once" ] || echo '[ ! -e "$job" ] || rm -f -- "$job"'
        printf '%s %s\n' "$_f_program" "$*"
    } > "$_f_state/job.$$"
    mv -f "$_f_state/job.$$" "$_f_job"
    [ -n "$_f_queue" ] || : > "$hookdir/initqueue/work"
}

# --- devices ----------------------------------------------------------------------------------------------------

# The boot goes on only when DEVICE is there.
wait_for_dev() {
    [ "$1" != -n ] || shift
    _f_name=$(str_replace "$1" / '\x2f')
    _f_job="${PREFIX:-}$hookdir/initqueue/finished/devexists-$_f_name.sh"
    [ ! -e "$_f_job" ] || return 0
    mkdir -p "${_f_job%/*}" "${PREFIX:-}$hookdir/emergency"
    printf '[ -e "%s" ]\n' "$1" > "$_f_job"
    printf '[ -e "%s" ] || warn "\\"%s\\" does not exist"\n' "$1" "$1" > "${PREFIX:-}$hookdir/emergency/80-$_f_name.sh"
}
cancel_wait_for_dev() {
    [ "$1" != -n ] || shift
    _f_name=$(str_replace "$1" / '\x2f')
    rm -f -- "$hookdir/initqueue/finished/devexists-$_f_name.sh" "$hookdir/emergency/80-$_f_name.sh"
}
# As udev escapes names of links.
udev_escape() {
    _f_in=$1
    _f_out=
    while [ -n "$_f_in" ]; do
        _f_char=${_f_in%"${_f_in#?}"}
        _f_in=${_f_in#?}
        case "$_f_char" in
            ' ') _f_out="$_f_out\\x20" ;;
            /) _f_out="$_f_out\\x2f" ;;
            \\) _f_out="$_f_out\\x5c" ;;
            \") _f_out="$_f_out\\x22" ;;
            *) _f_out=$_f_out$_f_char ;;
        esac
    done
    printf '%s' "$_f_out"
}
label_uuid_to_dev() {
    _f_dev=${1#block:}
    case "$_f_dev" in
        LABEL=*) printf '/dev/disk/by-label/%s\n' "$(udev_escape "${_f_dev#LABEL=}")" ;;
        PARTLABEL=*) printf '/dev/disk/by-partlabel/%s\n' "$(udev_escape "${_f_dev#PARTLABEL=}")" ;;
        UUID=*) printf '/dev/disk/by-uuid/%s\n' "${_f_dev#UUID=}" ;;
        PARTUUID=*) printf '/dev/disk/by-partuuid/%s\n' "${_f_dev#PARTUUID=}" ;;
        *) printf '%s\n' "$_f_dev" ;;
    esac
}
devnames() {
    for _f_dev in "$(label_uuid_to_dev "$1")"; do
        [ -e "$_f_dev" ] && readlink -f "$_f_dev" && return 0
    done
    return 255
}
# Without udev PID 1 looks at the devices by itself, and nothing has to settle.
udevsettle() {
    if [ -e /run/udev/control ] && command -v udevadm > /dev/null; then
        udevadm settle --exit-if-exists="$hookdir/initqueue/work"
    fi
}
udevproperty() {
    [ ! -e /run/udev/control ] || udevadm control --property="$1"
}
# busybox's sh would take its own applet, which finds neither the index nor the options of the modules.
modprobe() {
    _f_program=/lib/fulcrum/bin/modprobe
    [ -x "$_f_program" ] || _f_program=$(command -pv modprobe)
    "$_f_program" "$@"
}
load_fstype() {
    _f_fs=${2:-$1}
    while read -r _f_a _f_b; do
        if [ "${_f_b:-$_f_a}" = "$_f_fs" ]; then return 0; fi
    done < /proc/filesystems
    modprobe "$1"
}
# The kernel finds no modprobe in this image: what a mount asks for is loaded before it.
mount() {
    _f_before=
    for _f_one in "$@"; do
        [ "$_f_before" != -t ] || load_fstype "$_f_one" 2> /dev/null || :
        _f_before=$_f_one
    done
    command mount "$@"
}
mkuniqdir() {
    mkdir -p "$1"
    mktemp -d "$1/$2.XXXXXX"
}

# --- mounts -----------------------------------------------------------------------------------------------------

# find_mount SOURCE [TARGET]: prints where a device is mounted.
find_mount() {
    _f_source_name=$(readlink -f "$1")
    while read -r _f_a _f_b _f_c; do
        [ "$_f_a" = "$1" ] || [ "$_f_a" = "$_f_source_name" ] || continue
        [ -z "${2:-}" ] || [ "$_f_b" = "$2" ] || continue
        printf '%s\n' "$_f_b"
        return 0
    done < /proc/mounts
    return 1
}
# Whether something is mounted from a block device, or on a directory.
ismounted() {
    if [ -b "$1" ]; then
        find_mount "$1" > /dev/null
        return
    fi
    while read -r _f_a _f_b _f_c; do
        [ "$_f_b" != "$1" ] || return 0
    done < /proc/mounts
    return 1
}
usable_root() {
    [ -d "$1" ] || return 1
    for _f_dir in proc sys dev; do [ -d "$1/$_f_dir" ] || return 1; done
    for _f_dir in usr/lib usr/lib64 lib lib64 bin; do [ ! -d "$1/$_f_dir" ] || return 0; done
    return 1
}

# --- the rest ---------------------------------------------------------------------------------------------------

# The initramfs is to be kept for the way back.
need_shutdown() {
    mkdir -p /run/initramfs 2> /dev/null
    mkdir -p "$_f_state"
    : > "$_f_state/need-shutdown"
}
# Ends every process that uses something below a directory. Status 1 if there was one, as in dracut.
killall_proc_mountpoint() {
    _f_killed=0
    for _f_dir in /proc/[0-9]*; do
        _f_pid=${_f_dir#/proc/}
        [ "$_f_pid" != 1 ] && [ "$_f_pid" != $$ ] && [ -e "$_f_dir/exe" ] || continue
        for _f_file in "$_f_dir/exe" "$_f_dir/cwd" "$_f_dir/root" "$_f_dir"/fd/*; do
            case "$(readlink "$_f_file" 2> /dev/null)" in
                "$1" | "$1"/*)
                    kill -9 "$_f_pid" 2> /dev/null && _f_killed=1
                    break
                    ;;
            esac
        done
    done
    return $_f_killed
}
# _f_typed_before COMMAND: with each password that was right for something else.
_f_typed_before() {
    [ -e "$_f_state/passphrases" ] || return 1
    while IFS= read -r _f_password; do
        if printf '%s' "$_f_password" | eval "$1" 2> /dev/null; then
            unset _f_password
            return 0
        fi
    done < "$_f_state/passphrases"
    unset _f_password
    return 1
}
# ask_for_password --cmd COMMAND [--prompt TEXT] [--tries N] [--tty-cmd C] [--tty-prompt T] [--tty-tries N] [--tty-echo-off]
# COMMAND reads the password from its standard input. What it takes is tried on LUKS devices as well (PID 1 reads it); what
# opened one of those is tried on a COMMAND that is known to tell a wrong one.
ask_for_password() {
    _f_cmd=
    _f_prompt=Password
    _f_tries=3
    while [ $# -gt 0 ]; do
        case "$1" in
            --cmd | --tty-cmd) _f_cmd=$2 && shift ;;
            --prompt | --tty-prompt) _f_prompt=$2 && shift ;;
            --tries | --tty-tries) _f_tries=$2 && shift ;;
            --ply-*) shift ;;
        esac
        shift
    done
    case "$_f_cmd" in
        cryptsetup* | */cryptsetup* | 'zfs load-key'* | */'zfs load-key'* | 'bcachefs unlock'* | */'bcachefs unlock'*)
            _f_typed_before "$_f_cmd" && return 0
            ;;
    esac
    while [ "$_f_tries" -gt 0 ]; do
        _f_read_password "$_f_prompt" || {
            unset _f_password
            warn "No password"
            return 1
        }
        # Enter alone is no try, as where PID 1 asks; a file that is read in the place of a terminal may say so.
        [ -n "$_f_password" ] || [ ! -t 0 ] || continue
        if printf '%s' "$_f_password" | eval "$_f_cmd"; then
            (umask 077 && printf '%s\n' "$_f_password" >> "$_f_state/passphrases") 2> /dev/null
            unset _f_password
            return 0
        fi
        _f_tries=$((_f_tries - 1))
    done
    unset _f_password
    warn "Wrong password"
    return 1
}
# _f_read_password PROMPT: into $_f_password. By fulcrum where there is a terminal: stars, ^U, ^C, the limit of rd.luks.timeout=.
_f_read_password() {
    if [ -t 0 ] && command -v fulcrum > /dev/null; then
        _f_password=$(fulcrum ask --timeout "${FULCRUM_ASK_TIMEOUT:-0}" -- "$1")
        return
    fi
    printf '%s: ' "$1" >&2
    stty -echo 2> /dev/null
    IFS= read -r _f_password
    _f_status=$?
    stty echo 2> /dev/null
    echo >&2
    return $_f_status
}
inst_hook() {
    _f_once=
    while [ $# -gt 3 ]; do shift; done
    mkdir -p "$hookdir/$1"
    cp "$3" "$hookdir/$1/$2-${3##*/}"
}
# foreach_uuid_until COMMAND PREFIX: for each file system whose UUID begins so, with $___ as its device; until one answers 0.
foreach_uuid_until() {
    _f_command=$1
    for ___ in /dev/disk/by-uuid/"${2:-}"*; do
        [ -e "$___" ] || continue
        ___=$(readlink -f "$___")
        if eval "$_f_command"; then return 0; fi
    done
    return 1
}
get_maj_min() {
    _f_numbers=$(stat -L -c '%t %T' "$1" 2> /dev/null) || return 1
    printf '%d:%d\n' "0x${_f_numbers% *}" "0x${_f_numbers#* }"
}
# There are no units, no tracing of memory, and nothing is only for one machine.
set_systemd_timeout_for_dev() { :; }
mark_hostonly() { :; }
remove_hostonly_files() { :; }
make_trace_mem() { :; }
show_memstats() { :; }

are_lists_eq() {
    [ "$(printf '%s' "$2" | tr "$1" '\n' | sort)" = "$(printf '%s' "$3" | tr "$1" '\n' | sort)" ]
}
