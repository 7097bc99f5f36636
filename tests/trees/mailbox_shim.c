/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/trees/mailbox_shim.c: a library to be preloaded into the shipped program: it makes a
 * captured tree look live, and the config files of some functions behave as functions with a
 * DOE mailbox do.
 *
 * HF_SHIM_TREE=DIR                the tree's sys
 * HF_SHIM=ADDRESS=WORD,...        functions, and what their mailboxes do:
 *   tcp:PORT      answers discovery; SPDM goes to a responder on this host, framed as DOE
 *   cdat          answers discovery, and shows a CXL table
 *   silent        never ready          silent-spdm  ready for discovery only
 *   busy          busy for ever        stuck        as silent, and an abort never ends
 *   error         error at each GO     gone         reads all ones after the first GO
 *   garbage       answers another type long         answers with 2^18 dwords
 *   loop          indexes that go round             slow  10 ms for each dword of an answer
 *   hang          a read of the status never returns; hang-go: after GO; hang-write: a write
 *   eperm         the kernel refuses writes, as under lockdown
 * The mailbox is the first one in the file's list of capabilities.
 *
 * What asks a mailbox may be in a sandbox, which lets it make few system calls: so files are
 * known from when they are opened, and a process beside the program, the broker, talks to the
 * responder; they share a piece of memory.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SYSFS_MAGIC 0x62656572
#define BOXES 64
#define FILES 1024
#define OBJECT_MAX (1u << 20)
#define BUSY 1u
#define FAULT 4u
#define READY 0x80000000u

struct line {			/* to the broker and back */
	_Atomic uint32_t asked, answered;	/* numbers of questions */
	size_t in_len, out_len;
	uint8_t in[OBJECT_MAX], out[OBJECT_MAX];
};
struct box {
	dev_t dev;
	ino_t ino;
	uint32_t at;
	char word[64];
	uint32_t status;
	uint8_t *in, *out;	/* OBJECT_MAX each */
	size_t in_len, out_len, out_pos;
	bool gone, waiting;
	struct line *line;	/* where there is a responder */
};

static struct box boxes[BOXES];
static size_t box_count;
static struct box *box_at[FILES];	/* by descriptor */
static dev_t tree_dev;
static ino_t tree_ino;

static ssize_t real_pread(int fd, void *buf, size_t n, off_t at)
{
	return syscall(SYS_pread64, fd, buf, n, at);
}

static ssize_t real_pwrite(int fd, const void *buf, size_t n, off_t at)
{
	return syscall(SYS_pwrite64, fd, buf, n, at);
}

/* ---- which functions ---- */

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t find_mailbox(const uint8_t config[4096])
{
	uint32_t at = 0x100;

	for (int i = 0; i < 64 && at; i++) {
		uint32_t header = le32(config + at);

		if ((header & 0xffff) == 0x2e)
			return at;
		at = header >> 20 & 0xffc;
	}
	return 0;
}

/* ---- the broker ---- */

static bool send_all(int fd, const uint8_t *bytes, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		bytes += sent;
		n -= (size_t)sent;
	}
	return true;
}

struct coming {			/* a frame */
	uint8_t head[12];
	uint8_t body[OBJECT_MAX];
	size_t len;
};

/* What is there of it by now. True: all. */
static bool hear(int fd, struct coming *c)
{
	uint32_t size = OBJECT_MAX;
	ssize_t n;

	do {
		if (c->len >= sizeof(c->head))
			size = ntohl(*(uint32_t *)(void *)(c->head + 8));
		if (size > OBJECT_MAX)
			_exit(1);
		if (c->len == sizeof(c->head) + size)
			return true;
		n = c->len < sizeof(c->head) ?
			    recv(fd, c->head + c->len, sizeof(c->head) - c->len, MSG_DONTWAIT) :
			    recv(fd, c->body + (c->len - sizeof(c->head)),
				 sizeof(c->head) + size - c->len, MSG_DONTWAIT);
		if (n == 0)
			_exit(0);	/* it hung up: nobody answers any more */
		c->len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	return false;
}

/* An answer to a question that was given up goes nowhere. */
static _Noreturn void broker(struct line *line, uint16_t port)
{
	static struct coming coming;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons(port) };
	struct pollfd p = { .fd = -1, .events = POLLIN };
	uint32_t sent = 0, owed = 0;

	for (;;) {
		uint32_t asked = atomic_load(&line->asked);

		if (asked != sent) {
			uint32_t head[3] = { htonl(1), htonl(2), htonl((uint32_t)line->in_len) };

			if (p.fd < 0)
				p.fd = socket(AF_INET, SOCK_STREAM, 0);
			if (!sent && (connect(p.fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
				      setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)) != 0))
				_exit(1);
			if (!send_all(p.fd, (uint8_t *)head, sizeof(head)) ||
			    !send_all(p.fd, line->in, line->in_len))
				_exit(1);
			sent = asked;
			owed++;
		}
		if (poll(&p, 1, 1) <= 0 || !hear(p.fd, &coming))
			continue;
		if (owed > 0 && --owed == 0) {
			line->out_len = coming.len - sizeof(coming.head);
			memcpy(line->out, coming.body, line->out_len);
			atomic_store(&line->answered, sent);
		}
		coming.len = 0;
	}
}

static void start_broker(struct box *b)
{
	const pid_t parent = getpid();

	b->line = mmap(NULL, sizeof(*b->line), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->line == MAP_FAILED)
		abort();
	if (fork() != 0)
		return;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(1);
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	broker(b->line, (uint16_t)atoi(b->word + 4));
}

/* ---- the functions that were asked for ---- */

static void add_box(const char *tree, const char *address, const char *word)
{
	static uint8_t config[4096];
	struct box *b = &boxes[box_count];
	char path[512];
	struct stat st;
	FILE *file;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/config", tree, address);
	file = fopen(path, "re");
	if (!file || box_count == BOXES)
		abort();
	memset(config, 0, sizeof(config));
	if (fread(config, 1, sizeof(config), file) < 64 || fstat(fileno(file), &st) != 0)
		abort();
	fclose(file);
	*b = (struct box){ .dev = st.st_dev, .ino = st.st_ino };
	b->at = find_mailbox(config);
	snprintf(b->word, sizeof(b->word), "%s", word);
	b->in = malloc(OBJECT_MAX);
	b->out = malloc(OBJECT_MAX);
	if (!b->in || !b->out)
		abort();
	if (strncmp(word, "tcp:", 4) == 0)
		start_broker(b);
	box_count++;
}

__attribute__((constructor)) static void begin(void)
{
	const char *tree = getenv("HF_SHIM_TREE"), *text = getenv("HF_SHIM");
	char copy[4096];
	struct stat st;

	if (!tree || stat(tree, &st) != 0)
		return;
	tree_dev = st.st_dev;
	tree_ino = st.st_ino;
	snprintf(copy, sizeof(copy), "%s", text ? text : "");
	for (char *save, *item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		char *equals = strchr(item, '=');

		if (!equals)
			abort();
		*equals = '\0';
		add_box(tree, item, equals + 1);
	}
}

static struct box *box_of(int fd)
{
	return fd >= 0 && fd < FILES ? box_at[fd] : NULL;
}

/* Called for each descriptor that comes from a name. */
static int opened(int fd)
{
	struct stat st;

	if (fd < 0 || fd >= FILES)
		return fd;
	box_at[fd] = NULL;
	if (box_count == 0 || fstat(fd, &st) != 0)
		return fd;
	for (size_t i = 0; i < box_count; i++)
		if (boxes[i].dev == st.st_dev && boxes[i].ino == st.st_ino)
			box_at[fd] = &boxes[i];
	return fd;
}

static bool is(const struct box *b, const char *word)
{
	return strcmp(b->word, word) == 0;
}

static void hang(void)
{
	for (;;)
		usleep(100000);
}

/* ---- what is behind the mailbox ---- */

static void ready(struct box *b)
{
	b->out_pos = 0;
	b->status |= READY;
}

static void say(struct box *b, uint32_t type, const uint32_t *body, uint32_t count)
{
	put32(b->out, type);
	put32(b->out + 4, (count + 2) & 0x3ffff);
	for (uint32_t i = 0; i < count; i++)
		put32(b->out + 8 + 4 * i, body[i]);
	b->out_len = 8 + 4 * count;
	ready(b);
}

static void discover(struct box *b)
{
	static const uint32_t spdm[] = { 0x000001, 0x010001, 0x020001 }, cxl[] = { 0x000001, 0x021e98 };
	const uint32_t *list = is(b, "cdat") ? cxl : spdm;
	uint32_t index = b->in[8], count = is(b, "cdat") ? 2 : 3;
	uint32_t row = index < count ? list[index] : 0xffffff;

	row |= (index + 1 < count ? index + 1 : is(b, "loop") ? 1 : 0) << 24;
	say(b, 0x000001, &row, 1);
}

/* A header and two entries. */
static void cxl_table(struct box *b)
{
	uint32_t handle = le32(b->in + 8) >> 16;
	const uint32_t head[] = { 1u << 16, 16 + 16 + 8, 0x00000001, 0, 0 };
	const uint32_t first[] = { 2u << 16, 0x00100000, 0x11111111, 0x22222222, 0x33333333 };
	const uint32_t last[] = { 0xffffu << 16, 0x00080004, 0x44444444 };

	if (handle == 0)
		say(b, 0x021e98, head, 5);
	else if (handle == 1)
		say(b, 0x021e98, first, 5);
	else
		say(b, 0x021e98, last, 3);
}

static void forward(struct box *b)
{
	memcpy(b->line->in, b->in, b->in_len);
	b->line->in_len = b->in_len;
	atomic_fetch_add(&b->line->asked, 1);
	b->waiting = true;
}

static void listen_on(struct box *b)
{
	if (!b->waiting || atomic_load(&b->line->answered) != atomic_load(&b->line->asked))
		return;
	b->waiting = false;
	b->out_len = b->line->out_len;
	memcpy(b->out, b->line->out, b->out_len);
	ready(b);
}

/* ---- registers ---- */

static void go(struct box *b)
{
	uint32_t type = b->in_len >= 8 ? le32(b->in) & 0xffffff : 0;
	const uint32_t noise[] = { 0x21524110, 0x55aa55aa };

	b->out_len = b->out_pos = 0;
	if (is(b, "error"))
		b->status |= FAULT;
	else if (is(b, "gone"))
		b->gone = true;
	else if (is(b, "garbage"))
		say(b, 0x7f4711, noise, 2);
	else if (is(b, "long")) {
		say(b, type, noise, 2);
		put32(b->out + 4, 0);
	} else if (is(b, "silent") || is(b, "stuck"))
		;
	else if (type == 0x000001 && b->in_len == 12)
		discover(b);
	else if (type == 0x021e98 && b->in_len == 12 && is(b, "cdat"))
		cxl_table(b);
	else if (type == 0x010001 && b->line)
		forward(b);
	b->in_len = 0;
}

static void stop(struct box *b)
{
	b->waiting = false;
	b->status = is(b, "stuck") ? BUSY : 0;
	b->in_len = b->out_len = b->out_pos = 0;
}

static uint32_t get(struct box *b, uint32_t reg)
{
	if (b->gone)
		return 0xffffffff;
	switch (reg) {
	case 0x0c:
		if (is(b, "hang"))
			hang();
		if (is(b, "busy"))
			return BUSY;
		listen_on(b);
		return b->status;
	case 0x14:
		if (is(b, "slow"))
			usleep(10000);
		return b->status & READY && b->out_pos + 4 <= b->out_len ? le32(b->out + b->out_pos) : 0;
	}
	return 0;
}

static void put(struct box *b, uint32_t reg, uint32_t value)
{
	switch (reg) {
	case 0x08:
		if (value & 1) {
			stop(b);
		} else if (value & READY) {
			if (is(b, "hang-go"))
				strcpy(b->word, "hang");
			go(b);
		}
		break;
	case 0x10:
		if (is(b, "hang-write"))
			hang();
		if (b->in_len + 4 <= OBJECT_MAX) {
			put32(b->in + b->in_len, value);
			b->in_len += 4;
		}
		break;
	case 0x14:
		if (b->status & READY && (b->out_pos += 4) >= b->out_len)
			b->status &= ~READY;
		break;
	}
}

static bool inside(const struct box *b, off_t at)
{
	return b->at && at >= (off_t)b->at + 4 && at < (off_t)b->at + 0x18;
}

static ssize_t shim_pread(int fd, void *buf, size_t n, off_t at)
{
	struct box *b = n == 4 ? box_of(fd) : NULL;

	if (b && b->gone)
		memset(buf, 0xff, 4);
	else if (b && inside(b, at))
		put32(buf, get(b, (uint32_t)at - b->at));
	else
		return real_pread(fd, buf, n, at);
	return 4;
}

static ssize_t shim_pwrite(int fd, const void *buf, size_t n, off_t at)
{
	struct box *b = box_of(fd);

	if (b && is(b, "eperm")) {
		errno = EPERM;
		return -1;
	}
	if (!b)
		return real_pwrite(fd, buf, n, at);
	if (n == 4 && at % 4 == 0 && inside(b, at))	/* there are mailboxes that take no other */
		put(b, (uint32_t)at - b->at, le32(buf));
	return (ssize_t)n;		/* the capture itself is never written */
}

/* ---- what is interposed ---- */

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	return opened((int)syscall(SYS_openat, dir, path, flags, mode));
}

#define MODE(flags, mode)                                                                          \
	do {                                                                                       \
		va_list args;                                                                      \
		va_start(args, flags);                                                             \
		(mode) = (flags) & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;             \
		va_end(args);                                                                      \
	} while (0)

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

int open(const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_at(dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_at(dir, path, flags, mode);
}

int __open_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir, const char *path, int flags)
{
	return open_at(dir, path, flags, 0);
}

int __openat64_2(int dir, const char *path, int flags)
{
	return open_at(dir, path, flags, 0);
}

ssize_t pread(int fd, void *buf, size_t n, off_t at);
ssize_t pread64(int fd, void *buf, size_t n, off64_t at);
ssize_t __pread_chk(int fd, void *buf, size_t n, off_t at, size_t cap);
ssize_t __pread64_chk(int fd, void *buf, size_t n, off64_t at, size_t cap);
ssize_t pwrite(int fd, const void *buf, size_t n, off_t at);
ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at);

ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	return shim_pread(fd, buf, n, at);
}

ssize_t pread64(int fd, void *buf, size_t n, off64_t at)
{
	return shim_pread(fd, buf, n, at);
}

ssize_t __pread_chk(int fd, void *buf, size_t n, off_t at, size_t cap)
{
	if (n > cap)
		abort();
	return shim_pread(fd, buf, n, at);
}

ssize_t __pread64_chk(int fd, void *buf, size_t n, off64_t at, size_t cap)
{
	if (n > cap)
		abort();
	return shim_pread(fd, buf, n, at);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	return shim_pwrite(fd, buf, n, at);
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	return shim_pwrite(fd, buf, n, at);
}

static bool is_tree(int fd)
{
	struct stat st;

	return tree_ino && fstat(fd, &st) == 0 && st.st_dev == tree_dev && st.st_ino == tree_ino;
}

int fstatfs(int fd, struct statfs *buf)
{
	long rc = syscall(SYS_fstatfs, fd, buf);

	if (rc == 0 && is_tree(fd))
		buf->f_type = SYSFS_MAGIC;
	return (int)rc;
}

int fstatfs64(int fd, struct statfs64 *buf)
{
	return fstatfs(fd, (struct statfs *)(void *)buf);
}
