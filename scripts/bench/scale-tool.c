/* Fills a machine with mounts or processes and times programs in it. `npm run bench -- scale`.
 *
 *   mounts DIRECTORY N          a tmpfs at DIRECTORY and N - 1 binds in it, each on a directory of its own
 *   stand DIRECTORY N           N tmpfs, each on a directory of its own in DIRECTORY, which is not mounted on
 *   processes N                 N copies of this program that sleep until they are killed
 *   time NAME TIMES WORD…       runs a program TIMES times, its output thrown away; prints the fastest and its memory
 *   stamp NAME                  prints CLOCK_MONOTONIC
 *   init                        as PID 1 of the root that was switched to: prints the time, powers off
 * Lines begin with "scale: ". Static, so that an initramfs needs nothing else for it.
 * clock_gettime(2), getrusage(2), reboot(2) */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void die(const char *what, const char *object)
{
	printf("scale: {\"error\":\"Cannot %s '%s': %s\"}\n", what, object, strerror(errno));
	exit(111);
}

static void mounts(const char *directory, long count, int are_binds)
{
	char path[256];

	if (count < 1)
		return;
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		die("make", directory);
	if (are_binds && mount("fill", directory, "tmpfs", 0, NULL) < 0)
		die("mount", directory);
	for (long at = are_binds; at < count; at++) {
		snprintf(path, sizeof path, "%s/%ld", directory, at);
		if (mkdir(path, 0755) < 0 || mount(are_binds ? path : "fill", path, are_binds ? NULL : "tmpfs", are_binds ? MS_BIND : 0, NULL) < 0)
			die("mount", path);
	}
}

static void processes(long count)
{
	for (long at = 0; at < count; at++) {
		pid_t pid = fork();

		if (pid < 0)
			die("start", "process");
		if (pid > 0)
			continue;
		for (;;)
			pause();
	}
}

static pid_t start(char **words)
{
	pid_t pid = vfork();

	if (pid != 0)
		return pid;
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	dup2(null, 1);
	execv(words[0], words);
	_exit(127);
}

static void measure(const char *name, int times, char **words)
{
	long long fastest = -1, cpu = -1;
	long kib = 0;
	int failed = 0;

	for (int at = 0; at < times; at++) {
		struct rusage usage;
		int status;
		long long begin = now();
		pid_t pid = start(words);

		if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
			die("run", words[0]);
		long long spent = now() - begin;
		long long used = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;

		if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
			failed++;
		if (fastest < 0 || spent < fastest)
			fastest = spent;
		if (cpu < 0 || used < cpu)
			cpu = used;
		if (usage.ru_maxrss > kib)
			kib = usage.ru_maxrss;
	}
	printf("scale: {\"case\":\"%s\",\"ns\":%lld,\"cpuUs\":%lld,\"maxRssKiB\":%ld,\"failed\":%d}\n", name, fastest, cpu, kib, failed);
}

int main(int count, char **words)
{
	const char *verb = count > 1 ? words[1] : "init";

	setlinebuf(stdout);
	if (strcmp(verb, "mounts") == 0 && count == 4)
		mounts(words[2], atol(words[3]), 1);
	else if (strcmp(verb, "stand") == 0 && count == 4)
		mounts(words[2], atol(words[3]), 0);
	else if (strcmp(verb, "processes") == 0 && count == 3)
		processes(atol(words[2]));
	else if (strcmp(verb, "time") == 0 && count > 4)
		measure(words[2], atoi(words[3]), words + 4);
	else if (strcmp(verb, "stamp") == 0 && count == 3)
		printf("scale: {\"stamp\":\"%s\",\"ns\":%lld}\n", words[2], now());
	else if (getpid() == 1) {
		printf("scale: {\"stamp\":\"init\",\"ns\":%lld}\n", now());
		fflush(stdout);
		reboot(RB_POWER_OFF);
	} else
		return 100;
	return 0;
}
