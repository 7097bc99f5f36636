/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The boot key: what it signs for, and that no child but the link's finds its private number. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "agent/bootkey.h"

#define NUMBER 32
#define MASK 0x5a	/* what is looked for must not be found in the search's own variables */
#define BLOCK (1u << 16)
#define REGION_MAX (1ul << 30)	/* a sanitizer's shadow is larger, and nobody's memory */

struct needle { uint8_t big[NUMBER], little[NUMBER]; };

static struct hf_boot_key *make(void)
{
	uint8_t spki[HF_BOOT_SPKI_MAX];
	struct hf_writer w = { .buf = spki, .cap = sizeof(spki) };
	struct hf_boot_key *key = NULL;

	assert_int_equal(hf_boot_key_make((struct hf_span){ NULL, 0 }, &key, &w), HF_OK);
	assert_true(w.len > 64);
	assert_null(hf_boot_key_pkey(key));
	assert_true(hf_boot_key_certificate(key).len > 100);
	return key;
}

/* The private number, masked, as it would lie in DER and as libcrypto's big numbers keep it. */
static void take_needle(struct hf_boot_key *key, struct needle *ret)
{
	BIGNUM *d = NULL;

	assert_int_equal(hf_boot_key_lend(key), HF_OK);
	assert_int_equal(EVP_PKEY_get_bn_param(hf_boot_key_pkey(key), OSSL_PKEY_PARAM_PRIV_KEY, &d), 1);
	assert_int_equal(BN_bn2binpad(d, ret->big, NUMBER), NUMBER);
	BN_clear_free(d);
	hf_boot_key_take_back(key);
	for (size_t i = 0; i < NUMBER; i++) {
		ret->big[i] ^= MASK;
		ret->little[NUMBER - 1 - i] = ret->big[i];
	}
}

static bool holds(const uint8_t *p, const uint8_t *masked)
{
	for (size_t i = 0; i < NUMBER; i++)
		if ((uint8_t)(p[i] ^ MASK) != masked[i])
			return false;
	return true;
}

static size_t search(int mem, unsigned long from, unsigned long to, const struct needle *n)
{
	static uint8_t block[BLOCK];
	size_t found = 0;

	for (unsigned long at = from; at < to; at += BLOCK - NUMBER + 1) {
		const size_t want = to - at < BLOCK ? to - at : BLOCK;
		const ssize_t got = pread(mem, block, want, (off_t)at);

		for (ssize_t i = 0; got >= NUMBER && i <= got - NUMBER; i++)
			found += holds(block + i, n->big) || holds(block + i, n->little);
		explicit_bzero(block, sizeof(block));
	}
	return found;
}

/* Everything that this process can write to: how often the number is in it. */
static size_t find(const struct needle *n)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	const int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned long from, to;
	char line[512], rights[5];
	size_t found = 0;

	if (!maps || mem < 0)
		return 1000;
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && rights[1] == 'w' &&
		    to - from <= REGION_MAX)
			found += search(mem, from, to, n);
	fclose(maps);
	close(mem);
	return found;
}

static int in_a_child(const struct needle *n)
{
	const pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		const size_t found = find(n);

		_exit(found > 100 ? 100 : (int)found);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void no_other_child_has_it(void **state)
{
	struct hf_boot_key *key = make();
	struct needle n;

	(void)state;
	take_needle(key, &n);
	assert_int_equal(in_a_child(&n), 0);
	assert_int_equal(hf_boot_key_lend(key), HF_OK);
	assert_in_range(in_a_child(&n), 1, 99);	/* the link's child; and the search does find it */
	hf_boot_key_take_back(key);
	assert_int_equal(in_a_child(&n), 0);
	assert_in_range(find(&n), 1, 99);	/* here it is: it can be lent again */
	hf_boot_key_drop(&key);
	assert_null(key);
	assert_int_equal(find(&n), 0);
}

static void what_is_lent_is_the_same_key(void **state)
{
	struct hf_boot_key *key = make();
	unsigned char *first = NULL, *again = NULL;
	int len;

	(void)state;
	assert_int_equal(hf_boot_key_lend(key), HF_OK);
	len = i2d_PUBKEY(hf_boot_key_pkey(key), &first);
	hf_boot_key_take_back(key);
	hf_boot_key_take_back(key);	/* twice is fine */
	assert_int_equal(hf_boot_key_lend(key), HF_OK);
	assert_int_equal(i2d_PUBKEY(hf_boot_key_pkey(key), &again), len);
	assert_memory_equal(first, again, (size_t)len);
	OPENSSL_free(first);
	OPENSSL_free(again);
	hf_boot_key_drop(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_other_child_has_it),
		cmocka_unit_test(what_is_lent_is_the_same_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
