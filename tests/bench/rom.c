/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the ROM reader costs beside hashing the same bytes once: rom SYSFS ROUNDS
 * SYSFS is a captured tree. In turn, ROUNDS times: read every rom file and hash it with SHA-256
 * and SHA-384; let the reader read it and make all its claims (window, chain, images,
 * Authenticode digests, signers). Prints, on one line, the median microseconds of both and
 * the bytes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "pcie/reader.h"
#include "pcie/sink.h"

#define ARENA ((size_t)256 << 20)
#define ROUNDS_MAX 1000

static uint8_t room[HF_ROM_MAX];

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s failed\n", what);
		exit(1);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static size_t raw(const struct hf_host *host, const struct hf_bus *bus, struct hf_hasher *hasher)
{
	struct hf_digest digests[HF_ALG_COUNT];
	size_t total = 0, len, count;

	for (size_t i = 0; i < bus->count; i++) {
		if (hf_host_read_rom(host, &bus->functions[i].address, room, sizeof(room), &len))
			continue;
		must(!hf_hasher_update(hasher, (struct hf_span){ room, len }) &&
		     !hf_hasher_final(hasher, digests, &count), "digest");
		total += len;
	}
	return total;
}

static void whole(const struct hf_host *host, const struct hf_bus *bus, struct hf_claims *claims,
		  struct hf_sink *sink)
{
	const struct hf_read_options options = { .rom_bound = true };
	struct hf_read read = { .host = host, .options = &options, .sink = sink };

	for (struct hf_part *part = claims->parts; part; part = part->next)
		for (struct hf_function *f = part->functions; f; f = f->next) {
			read.function = hf_bus_find(bus, &f->address);
			hf_sink_aim(sink, part, f);
			if (hf_reader_rom.matches(read.function))
				must(!hf_reader_rom.read(&read), "reader");
		}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	static double base[ROUNDS_MAX], ours[ROUNDS_MAX];
	size_t rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0, total = 0;
	struct hf_arena arena;
	struct hf_claims claims;
	struct hf_fault fault;
	struct hf_hasher *hasher;
	struct hf_sink sink;
	struct hf_host host;
	struct hf_bus bus;

	must(rounds > 0 && rounds <= ROUNDS_MAX, "usage: rom SYSFS ROUNDS");
	must(!hf_arena_make(ARENA, &arena) && !hf_host_open(argv[1], &host, &fault), "tree");
	must(!hf_hasher_new(HF_CLAIM_ALGS, &hasher), "hasher");
	must(!hf_bus_read(&host, &arena, &bus, &fault), "bus");
	size_t mark = arena.len;

	for (size_t i = 0; i <= rounds; i++) {
		size_t at = i ? i - 1 : 0;	/* the first round warms up */
		double start = now();

		total = raw(&host, &bus, hasher);
		base[at] = now() - start;
		arena.len = mark;
		hf_claims_init(&claims, &arena);
		must(!hf_topology(&bus, &claims), "topology");
		must(!hf_sink_make(&claims, &sink), "sink");
		start = now();
		whole(&host, &bus, &claims, &sink);
		ours[at] = now() - start;
		hf_sink_drop(&sink);
	}
	qsort(base, rounds, sizeof(base[0]), by_value);
	qsort(ours, rounds, sizeof(ours[0]), by_value);
	printf("%.1f %.1f %zu\n", base[rounds / 2], ours[rounds / 2], total);
	return 0;
}
