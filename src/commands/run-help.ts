// What `fulcrum run --help` prints. The manual is docs/man/fulcrum-run.1.
//
// Apart from run.ts for its length only.

export const runUsage: readonly string[] = [
  'fulcrum run [--container] [options] ROOT [--] COMMAND [ARG…]',
  'fulcrum run --service [options] ROOT [--] COMMAND [ARG…]',
]

export const runHelp = `Runs a command whose "/" is the directory ROOT. A container (the default) has namespaces of every kind, an
init that reaps, /dev, /proc and /sys of its own and few capabilities; a service has a mount namespace only,
which follows the mounts of the host. Ends with the status of the command, or 128 and the signal.

  --name NAME     for list, enter, bind and stop; made up otherwise
  --engine WHAT   auto, pivot, namespace (Linux 7.0), or for services move: how the root becomes "/"
  --bind SOURCE[:TARGET[:OPTIONS]]
                  a file or directory of the host in the root; options: ro, rw, rbind, norbind,
                  idmap (owners as in a user namespace)
  --bind-ro …     the same, read-only
  --read-only     the root is read-only
  -u, --user USER[:GROUP]
                  names of the root, or numbers
  -E, --env NAME[=VALUE]
                  adds to the environment; without a value that of here
  --clear-env     only what --env says
  --chdir DIR     working directory, in the root
  -t, --tty[=auto|yes|no]
                  a terminal for the command; auto: when it is started at one. Ctrl-] three times kills it
  -d, --detach    prints the name and leaves it running
  --output FILE   what a detached command writes is added to this file
  --no-new-privileges[=yes|no]
                  set-user-ID programs give nothing; the default of a container
  --cap-add LIST, --cap-drop LIST
                  capabilities, in this order; 'all'

  --memory SIZE, --pids N, --cpus N, --cpu-weight N
                  limits, by the cgroup
  --cgroup-parent PATH
                  where the cgroup is made, or none; default /fulcrum

Services only:
  --mount-api     /dev, /proc and /sys of the host in the root

Containers only:
  --volatile[=yes|state|overlay]
                  what is written is gone afterwards: all but /usr, /var, or everything
  --hostname NAME
  --private-users[=yes|no|BASE[:COUNT]]
                  a user namespace with ids of its own; the root is shown with those ids
  --map-users INSIDE:OUTSIDE:COUNT, --map-groups …
                  the same by hand, more than once
  --network host|none
                  none, the default, is a loopback device only
  --no-init       the command is PID 1

  -n, --dry-run   prints the plan: what this process and what the new one would call
  --json          with --dry-run or --detach
`
