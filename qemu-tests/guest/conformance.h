// What the parts of the conformance stage share: see conformance-stage.c.
#ifndef FULCRUM_CONFORMANCE_H
#define FULCRUM_CONFORMANCE_H
#include <sys/types.h>

struct stage {
  const char *id, *kit, *program, *setup, *cwd, *rootType, *scratch, *console, *chroot;
  int notPid1, shared, terminal, noProc, noEnv, noConsole;
  long umask, limitMs;
  const char *env[64];
  int ignored[16], blocked[16], extra[16];
  int envCount, ignoredCount, blockedCount, extraCount;
};

// conformance-root.c: the old and the new root as scenarios find them, in a mount namespace of this process.
// `old`, `fresh` and `keep` become directories of the file systems as they are below all mounts.
void makeRoots(const struct stage *stage, int *old, int *fresh, int *keep);
// The rest, as PID 1 of the new namespace, in the old root: /proc and what the scenario changes. 0 is good.
int finishRoots(const struct stage *stage);
void die(const char *what);

// conformance-observe.c: records from `proc`, a descriptor of the outer /proc.
void observeProcess(int proc, pid_t pid);
void observeBounding(int proc);
void observeMounts(const char *key, int mountinfo);
void observeTree(const char *key, int directory);
void observeOthers(int proc, pid_t parent);
int isWorking(int proc, pid_t parent);
int isIdle(int proc, pid_t pid, unsigned long *ticks);
int countFiles(int directory);
#endif
