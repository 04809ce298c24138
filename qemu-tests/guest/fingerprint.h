// What a real init finds when it starts: everything that execve(2) lets through from whoever was PID 1 before.
// The host compares it field by field with what the same init finds when the kernel itself starts it.
#ifndef FULCRUM_FINGERPRINT_H
#define FULCRUM_FINGERPRINT_H

// Takes what can be taken without opening, mounting or allocating anything. Must run before all else in main.
void captureEarly(int argc, char **argv, char **env);
// Takes what needs /proc (mounted by the caller if it was not), then writes all records.
void captureFromProc(int procWasMounted);
// Mounts, processes and memory as they are now.
void captureWorld(void);
#endif
