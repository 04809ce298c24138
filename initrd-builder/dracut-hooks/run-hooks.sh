#!/bin/sh
# Runs the hooks of one point in one shell; PID 1 starts it. Variables outlive the shell in a file, as if all hooks
# ran in one shell from the beginning to the end; functions do not. An 'exit' ends its own hook only.
#
# run-hooks run POINT [ARGUMENT]         every hook of a point; 'netroot' has the interface as $1
# run-hooks handler PROGRAM INTERFACE    what gets the root from a server, as dracut's netroot calls it
# run-hooks mount                        the hooks of 'mount', until one has mounted a root
# run-hooks queue [timeout]              one pass of the initqueue; status 10: it is not finished
# run-hooks round POINT [final]          those that have not answered 0 yet, each in a shell of its own; 10: not all
# Status 77: a hook has stopped the boot, FILE stopped says why.                            docs/dracut-hooks.md

. /lib/dracut-lib.sh

_f_quote() {
    _f_in=$2
    _f_out=
    while :; do
        case "$_f_in" in
            *\'*) ;;
            *) break ;;
        esac
        _f_out="$_f_out${_f_in%%\'*}'\\''"
        _f_in=${_f_in#*\'}
    done
    printf "%s='%s'\n" "$1" "$_f_out$_f_in"
}

# Lines that look like a variable inside of a longer value are names as well; asked again they do no harm.
_f_save() {
    _f_exported=$(export -p)
    set | while IFS= read -r _f_line; do
        _f_name=${_f_line%%=*}
        case "$_f_name" in
            "$_f_line" | '' | [0-9]* | *[!A-Za-z0-9_]*) continue ;;
            _ | _f_* | IFS | LINENO | OPTIND | OPTARG | OPTERR | PPID | PWD | OLDPWD | PS1 | PS2 | PS4 | SHLVL) continue ;;
            BASH* | DIRSTACK | EUID | UID | GROUPS | FUNCNAME | HOSTNAME | HOSTTYPE | MACHTYPE | OSTYPE | PIPESTATUS) continue ;;
            POSIXLY_CORRECT | RANDOM | SECONDS | EPOCH* | SRANDOM | SHELLOPTS | SHELL | TERM | FULCRUM_* | f | job) continue ;;
        esac
        eval "[ -n \"\${$_f_name+set}\" ]" || continue
        eval "_f_content=\$$_f_name"
        case "$_f_newline$_f_exported" in
            *"${_f_newline}export $_f_name="*) printf 'export ' ;;
        esac
        _f_quote "$_f_name" "$_f_content"
    done > "$_f_state/variables.new"
    mv -f "$_f_state/variables.new" "$_f_state/variables"
}

# Whatever ends this shell: the state is saved, and the hooks behind one that said 'exit' still run.
_f_end() {
    _f_ended=$?
    trap - EXIT
    cd /
    _f_save
    if [ -e "$_f_state/stopped" ]; then exit 77; fi
    if [ -n "${_f_hook:-}" ]; then
        warn "hook '$_f_hook' ended by 'exit $_f_ended': it has to 'return', ignoring"
        FULCRUM_HOOKS_AFTER=$_f_hook exec /bin/sh /lib/fulcrum/run-hooks "$_f_verb" "$_f_at" "$_f_argument"
    fi
    exit "${_f_answer:-0}"
}

# Whether this hook is still to run after one that ended the shell before.
_f_is_next() {
    [ -n "${_f_after:-}" ] || return 0
    [ "$1" != "$_f_after" ] || _f_after=
    return 1
}

_f_run() {
    for f in $(list_hooks "$1"); do
        [ -e "$f" ] || [ -n "${_f_after:-}" ] || continue
        _f_is_next "$f" || continue
        _f_source "$f" ${_f_argument:+"$_f_argument"}
        [ ! -e "$_f_state/stopped" ] || exit 77
    done
}

# A program of its own: what it needs of the variables is exported since 'cmdline'.
_f_handler() {
    "$1" "$2" "${netroot:-}" "$NEWROOT" || warn "'$1 $2 ${netroot:-}' ended with status $?, ignoring"
    [ ! -e "$_f_state/stopped" ] || exit 77
}

# What rootfs-block of dracut makes of root=.
_f_root() {
    case "${root:-}" in
        LABEL=* | UUID=* | PARTUUID=* | PARTLABEL=* | /dev/*)
            root="block:$(label_uuid_to_dev "$root")"
            rootok=1
            ;;
    esac
    export root rflags fstype netroot NEWROOT
}

_f_mount() {
    for f in $(list_hooks mount); do
        _f_is_next "$f" || continue
        _f_source "$f"
        [ ! -e "$_f_state/stopped" ] || exit 77
        ismounted "$NEWROOT" || continue
        ! usable_root "$NEWROOT" || return 0
        warn "$NEWROOT has no proper rootfs layout, ignoring and removing offending mount hook"
        umount "$NEWROOT"
        rm -f -- "$f"
    done
}

_f_job() {
    job=$1
    _f_source "$job"
    [ ! -e "$_f_state/stopped" ] || exit 77
}

_f_queue() {
    rm -f -- "$hookdir/initqueue/work"
    for job in $(list_hooks initqueue); do
        [ ! -e "$job" ] || ! _f_is_next "$job" || _f_job "$job"
    done
    for job in $(list_hooks initqueue/settled); do
        [ ! -e "$job" ] || ! _f_is_next "$job" || _f_job "$job"
    done
    if [ -n "$(list_hooks initqueue/online)" ] && _f_online; then
        for job in $(list_hooks initqueue/online); do
            [ ! -e "$job" ] || ! _f_is_next "$job" || _f_job "$job"
        done
    fi
    if [ "$1" = timeout ]; then
        for job in $(list_hooks initqueue/timeout); do
            [ ! -e "$job" ] || ! _f_is_next "$job" || _f_job "$job"
        done
    fi
    _f_after=
    _f_answer=0
    for f in $(list_hooks initqueue/finished); do
        # In a shell of its own: 'exit' is an answer as good as 'return' here.
        # shellcheck disable=SC1090
        (. "$f") || {
            _f_answer=10
            printf '%s\n' "$f" > "$_f_state/unfinished"
            break
        }
    done
    [ $_f_answer -ne 0 ] || rm -f -- "$_f_state/unfinished"
}

# Whether a network interface has an address: ifup of dracut leaves such a file, and PID 1 does.
_f_online() {
    for _f_file in /tmp/net.*.did-setup /run/fulcrum/network/*; do [ ! -e "$_f_file" ] || return 0; done
    return 1
}

_f_round() {
    _f_answer=0
    for f in $(list_hooks "$1"); do
        case "$_f_newline$(cat "$_f_state/done-$1" 2> /dev/null)$_f_newline" in
            *"$_f_newline$f$_f_newline"*) continue ;;
        esac
        if (_f_source "$f" "$2"); then printf '%s\n' "$f" >> "$_f_state/done-$1"; else _f_answer=10; fi
    done
}

_f_verb=$1
_f_at=${2:-}
_f_argument=${3:-}
cd /
mkdir -p "$_f_state"
if [ "$_f_verb" != round ]; then
    for _f_dir in cmdline pre-udev pre-trigger netroot initqueue/settled initqueue/online initqueue/finished initqueue/timeout \
        pre-mount mount pre-pivot cleanup emergency shutdown-emergency pre-shutdown shutdown; do
        [ -d "$hookdir/$_f_dir" ] || mkdir -p "$hookdir/$_f_dir"
    done
    # Scripts of older dracuts have this path in themselves.
    if [ -e /etc/initrd-release ] && [ ! -e /lib/dracut/hooks ]; then
        mkdir -p /lib/dracut
        ln -s ../../var/lib/dracut/hooks /lib/dracut/hooks
    fi
fi
# shellcheck disable=SC1091
[ ! -e "$_f_state/variables" ] || . "$_f_state/variables"
_f_after=${FULCRUM_HOOKS_AFTER:-}
unset FULCRUM_HOOKS_AFTER
_f_hook=
_f_answer=0
trap _f_end EXIT
setdebug
case "$_f_verb" in
    run)
        _f_run "$_f_at"
        [ "$_f_at" != cmdline ] || _f_root
        ;;
    handler) _f_handler "$_f_at" "$_f_argument" ;;
    mount) _f_mount ;;
    queue) _f_queue "$_f_at" ;;
    round) _f_round "$_f_at" "$_f_argument" ;;
    *)
        echo "Usage: run-hooks run|round POINT, run-hooks handler PROGRAM INTERFACE, run-hooks mount, run-hooks queue [timeout]" >&2
        _f_answer=100
        ;;
esac
exit "$_f_answer"
