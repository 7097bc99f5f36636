/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody with root on the host: lends its TPM to whoever is at the second serial port
 * (attacker.py). A tenant's program, or /init of an image that is not the gate. Speaks TPM
 * commands and answers as they are; two codes of its own ask for the firmware's log, and for
 * the end. Static, no library. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define HEAD 10
#define ROOM (1u << 20)
#define CODE_LOG 0xfffffffeu
#define CODE_END 0xffffffffu
#define FIRMWARE_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"

static unsigned char buf[ROOM];

static unsigned be32(const unsigned char *p)
{
	return (unsigned)p[0] << 24 | (unsigned)p[1] << 16 | (unsigned)p[2] << 8 | p[3];
}

static int take(int fd, unsigned char *p, size_t len)
{
	while (len) {
		ssize_t got = read(fd, p, len);

		if (got <= 0)
			return -1;
		p += got;
		len -= (size_t)got;
	}
	return 0;
}

static int give(int fd, const unsigned char *p, size_t len)
{
	while (len) {
		ssize_t put = write(fd, p, len);

		if (put <= 0)
			return -1;
		p += put;
		len -= (size_t)put;
	}
	return 0;
}

static size_t firmware_log(void)
{
	int fd = open(FIRMWARE_LOG, O_RDONLY);
	size_t len = HEAD;
	ssize_t got;

	memset(buf, 0, HEAD);
	while (fd >= 0 && len < ROOM && (got = read(fd, buf + len, ROOM - len)) > 0)
		len += (size_t)got;
	if (fd >= 0)
		close(fd);
	buf[2] = (unsigned char)(len >> 24);
	buf[3] = (unsigned char)(len >> 16);
	buf[4] = (unsigned char)(len >> 8);
	buf[5] = (unsigned char)len;
	return len;
}

static void serve(int line, int tpm)
{
	for (;;) {
		unsigned size, code;
		size_t len;

		if (take(line, buf, HEAD) != 0)
			return;
		size = be32(buf + 2);
		code = be32(buf + 6);
		if (code == CODE_END || size < HEAD || size > 4096 || take(line, buf + HEAD, size - HEAD) != 0)
			return;
		if (code == CODE_LOG) {
			len = firmware_log();
		} else {
			ssize_t got = write(tpm, buf, size) == (ssize_t)size ? read(tpm, buf, 4096) : -1;

			if (got < HEAD)
				return;
			len = (size_t)got;
		}
		if (give(line, buf, len) != 0)
			return;
	}
}

static void be_init(void)
{
	int console;

	mkdir("/dev", 0755);
	mkdir("/sys", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, "");
	mount("sysfs", "/sys", "sysfs", 0, "");
	console = open("/dev/console", O_RDWR);
	if (console < 0)
		return;
	dup2(console, 0);
	dup2(console, 1);
	dup2(console, 2);
}

int main(void)
{
	struct termios raw;
	int line, tpm;

	if (getpid() == 1)
		be_init();
	mount("securityfs", "/sys/kernel/security", "securityfs", 0, "");
	setvbuf(stdout, NULL, _IONBF, 0);
	line = open("/dev/ttyS1", O_RDWR | O_NOCTTY);
	tpm = open("/dev/tpmrm0", O_RDWR);
	if (line < 0 || tpm < 0 || tcgetattr(line, &raw) != 0) {
		perror("RELAY-FAILED");
	} else {
		cfmakeraw(&raw);
		cfsetspeed(&raw, B115200);
		tcsetattr(line, TCSANOW, &raw);
		puts("RELAY-READY");
		serve(line, tpm);
		puts("RELAY-ENDED");
	}
	if (getpid() == 1)
		reboot(RB_POWER_OFF);
	return 0;
}
