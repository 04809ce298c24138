/* The real root's init when boots are measured: says when it was reached, what the kernel logged on the way, what it
 * was handed over, which mounts and processes are left, and how much memory is available then and two seconds later
 * (a deletion in the background is over by then), then powers off.
 * Static, so that its own start costs next to nothing. clock_gettime(2), syslog(2), proc_meminfo(5) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "../../qemu-tests/guest/fingerprint.h"
#include "../../qemu-tests/guest/json.h"

static char log_text[1 << 20];

static void say_file(const char *word, const char *path, const char *prefix)
{
	char line[4096];
	FILE *file = fopen(path, "re");

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, prefix, strlen(prefix)) == 0)
			printf("bench: %s %s%s", word, line, strchr(line, '\n') ? "" : "\n");
	if (file != NULL)
		fclose(file);
}

int main(int argc, char **argv, char **env)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	captureEarly(argc, argv, env);
	printf("bench: init %lld.%06ld\n", (long long)now.tv_sec, now.tv_nsec / 1000);
	/* Neither here where the initramfs did not carry it along: then the directory of the root is empty. */
	int had_proc = access("/proc/self/status", F_OK) == 0;
	if (!had_proc) {
		mkdir("/proc", 0755);
		mount("proc", "/proc", "proc", 0, NULL);
	}
	say_file("then", "/proc/meminfo", "Mem");
	int length = klogctl(3, log_text, sizeof log_text - 1);
	for (char *line = strtok(length > 0 ? log_text : log_text + 1, "\n"); line != NULL; line = strtok(NULL, "\n"))
		if (strstr(line, "as init process") || strstr(line, "Freeing initrd") || strstr(line, "Trying to unpack") || strstr(line, "EXT4-fs"))
			printf("bench: log %s\n", line);
	captureFromProc(had_proc);
	captureWorld();
	size_t size;
	const char *records = jsonData(&size);
	fwrite(records, 1, size, stdout);
	say_file("record", "/run/fulcrum/boot.json", "");
	sleep(2);
	say_file("later", "/proc/meminfo", "Mem");
	fflush(stdout);
	/* What is still in the line's buffer is lost at power-off. */
	tcdrain(1);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
