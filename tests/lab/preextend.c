/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody who was there first: extends PCR 13 and then starts the gate by kexec, as a
 * tenant with root would. /init of an image that also holds /gate/kernel, /gate/initrd
 * and /gate/cmdline. Static, no library. */
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* TPM2_PCR_Extend(PCR 13, empty password, one SHA-256 digest) */
static const unsigned char extend_head[] = {
	0x80, 0x02, 0, 0, 0, 65, 0, 0, 0x01, 0x82, /* tag, size, command */
	0, 0, 0, 13,			      /* PCR */
	0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0, /* password session */
	0, 0, 0, 1, 0, 0x0b,		      /* one digest: SHA-256 */
};

static int extend(void)
{
	unsigned char command[65], reply[256];
	int fd = open("/dev/tpm0", O_RDWR | O_CLOEXEC);

	memcpy(command, extend_head, sizeof extend_head);
	memset(command + sizeof extend_head, 0x5a, sizeof command - sizeof extend_head);
	if (fd < 0 || write(fd, command, sizeof command) != (ssize_t)sizeof command)
		return -1;
	ssize_t got = read(fd, reply, sizeof reply);

	close(fd);
	return got >= 10 && !reply[6] && !reply[7] && !reply[8] && !reply[9] ? 0 : -1;
}

int main(void)
{
	char line[2048] = "";

	mkdir("/dev", 0755);
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, "") != 0 && access("/dev/tpm0", F_OK) != 0)
		puts("PREEXTEND-FAILED devtmpfs");
	int console = open("/dev/console", O_RDWR);

	if (console >= 0) {
		dup2(console, 0);
		dup2(console, 1);
		dup2(console, 2);
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	if (extend() != 0)
		puts("PREEXTEND-FAILED extend");
	int kernel = open("/gate/kernel", O_RDONLY);
	int initrd = open("/gate/initrd", O_RDONLY);
	int words = open("/gate/cmdline", O_RDONLY);
	ssize_t len = read(words, line, sizeof line - 1);

	if (len <= 0 || syscall(SYS_kexec_file_load, kernel, initrd, (unsigned long)len + 1, line, 0L) != 0)
		perror("PREEXTEND-FAILED kexec_file_load");
	puts("PREEXTEND-DONE");
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	perror("PREEXTEND-FAILED reboot");
	for (;;)
		pause();
}
