/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The floor under a measured boot: read every config and rom file of a captured tree,
 * hash each once with SHA-256 and SHA-384 in one pass, and send as many PCR extends as
 * the agent does, as raw bytes on the TPM's UNIX socket. No enumeration, no parsing, no
 * claims, no judgement, no TPM stack.
 *
 * usage: floor TREE TPM-SOCKET EXTENDS      prints "bytes=N files=N extends=N"
 */
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static uint8_t buffer[17u << 20];
static EVP_MD_CTX *contexts[2];
static const EVP_MD *algs[2];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static size_t hash_file(int dir, const char *name)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	size_t len = 0;
	ssize_t got;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	while ((got = read(fd, buffer + len, sizeof(buffer) - len)) > 0)
		len += (size_t)got;
	close(fd);
	for (int i = 0; i < 2; i++)
		if (EVP_DigestInit_ex2(contexts[i], algs[i], NULL) != 1 ||
		    EVP_DigestUpdate(contexts[i], buffer, len) != 1 ||
		    EVP_DigestFinal_ex(contexts[i], digest, NULL) != 1)
			die("digest");
	return len;
}

static void extend(int tpm, const uint8_t *command, size_t len)
{
	uint8_t reply[64];

	if (write(tpm, command, len) != (ssize_t)len)
		die("write to the TPM");
	if (read(tpm, reply, sizeof(reply)) < 10 || memcmp(reply + 6, "\0\0\0\0", 4) != 0) {
		fprintf(stderr, "the TPM refused an extend\n");
		exit(1);
	}
}

/* TPM2_PCR_Extend of PCR 13 in four banks, password session with an empty password. */
static size_t extend_command(uint8_t *out)
{
	static const struct { uint16_t id, size; } banks[] = { { 4, 20 }, { 0xb, 32 }, { 0xc, 48 }, { 0xd, 64 } };
	static const uint8_t head[] = { 0x80, 0x02, 0, 0, 0, 0, 0, 0, 0x01, 0x82, 0, 0, 0, 13,
		0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 4 };
	size_t len = sizeof(head);

	memcpy(out, head, len);
	for (size_t i = 0; i < 4; i++) {
		out[len++] = (uint8_t)(banks[i].id >> 8);
		out[len++] = (uint8_t)banks[i].id;
		memset(out + len, 0x5a, banks[i].size);
		len += banks[i].size;
	}
	out[4] = (uint8_t)(len >> 8);
	out[5] = (uint8_t)len;
	return len;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	uint8_t command[512];
	size_t bytes = 0, files = 0;
	char path[4096];

	if (argc != 4) {
		fprintf(stderr, "usage: floor TREE TPM-SOCKET EXTENDS\n");
		return 2;
	}
	algs[0] = EVP_MD_fetch(NULL, "SHA256", NULL);
	algs[1] = EVP_MD_fetch(NULL, "SHA384", NULL);
	contexts[0] = EVP_MD_CTX_new();
	contexts[1] = EVP_MD_CTX_new();
	snprintf(path, sizeof(path), "%s/bus/pci/devices", argv[1]);
	DIR *dir = opendir(path);
	if (!dir || !algs[0] || !algs[1] || !contexts[0] || !contexts[1])
		die(path);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		int device = openat(dirfd(dir), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (device < 0)
			die(entry->d_name);
		bytes += hash_file(device, "config");
		bytes += hash_file(device, "rom");
		files++;
		close(device);
	}
	closedir(dir);

	long extends = atol(argv[3]);
	int tpm = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[2]);
	if (tpm < 0 || connect(tpm, (struct sockaddr *)&address, sizeof(address)) != 0)
		die(argv[2]);
	size_t len = extend_command(command);
	for (long i = 0; i < extends; i++)
		extend(tpm, command, len);
	printf("bytes=%zu files=%zu extends=%ld\n", bytes, files, extends);
	return 0;
}
