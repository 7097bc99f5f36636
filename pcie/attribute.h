/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/attribute.h: what readers that go through a bound driver share: directories and
 * attributes below a function's place in sysfs, and text that a device gave.
 * [edge: kernel files]
 *
 * Paths are relative to the sysfs root. Names that the kernel makes up (nvme0, ata3,
 * 2:0:0:0) are counters: they lead to an attribute, they never get into a claim.
 */
#ifndef HF_PCIE_ATTRIBUTE_H
#define HF_PCIE_ATTRIBUTE_H

#include "pcie/readers.h"

#define HF_ENTRY_MAX 63		/* bytes of a name */
#define HF_ENTRIES_MAX 256	/* of one directory */
#define HF_ATTRIBUTE_PATH 640
#define HF_WALK_DEPTH 12	/* directories below the function */
#define HF_WALK_VISITS 4096	/* directories of one walk */

struct hf_entries {
	size_t count;
	char names[HF_ENTRIES_MAX][HF_ENTRY_MAX + 1];
};
/* The directories in path whose names begin with prefix, numbers in them by value; no
 * symbolic links. No such path: none. HF_ERR_DEVICE_FLOODED: more than HF_ENTRIES_MAX.
 * HF_ERR_READ_FAILED, also for a name that no driver gives (other than letters, digits,
 * "._:-"). HF_ERR_KERNEL_REFUSED. */
enum hf_err hf_entries_read(const struct hf_host *host, const char *path, const char *prefix,
			    struct hf_entries *ret) HF_MUST_USE;
/* path = directory/name. False: it would not fit; then path is empty. */
bool hf_path_join(char path[static HF_ATTRIBUTE_PATH], const char *directory, const char *name);

/* Every directory below base for which wanted says yes, reached only through directories
 * whose names begin with one of through (NULL-terminated). */
struct hf_walk {
	const struct hf_host *host;
	const char *const *through;
	bool (*wanted)(const char *name);
	enum hf_err (*found)(void *self, const char *path, const char *name);
	void *self;
	size_t visits;
};
enum hf_err hf_walk(struct hf_walk *walk, const char *base) HF_MUST_USE;
/* The same for a reader: what device or kernel do wrong becomes the claim mkey. */
enum hf_err hf_walk_claimed(struct hf_walk *walk, const char *base, struct hf_sink *sink,
			    const char *mkey) HF_MUST_USE;

/* A whole file into buf. *ret_len is what was read, also on failure.
 * HF_ERR_FILE_UNREADABLE: there is none. HF_ERR_DEVICE_FLOODED: more than cap bytes. */
enum hf_err hf_attribute_read(const struct hf_host *host, const char *path, uint8_t *buf,
			      size_t cap, size_t *ret_len) HF_MUST_USE;
/* The rest of fd into an open measurement, step by step, at most limit bytes. *ret_partial
 * is for hf_sink_end: HF_OK, HF_ERR_READ_FAILED, HF_ERR_DEVICE_FLOODED, ... */
enum hf_err hf_attribute_stream(int fd, size_t limit, size_t step, struct hf_sink *sink,
				enum hf_err *ret_partial) HF_MUST_USE;
/* The kernel's "no" as a cause. */
enum hf_err hf_cause_of_errno(int sys_errno);
/* Path of a device node, opened for reading, that has the number which the sysfs file
 * says ("major:minor"). *ret_fd is -1 on failure. */
enum hf_err hf_node_open(const struct hf_host *host, const char *node, const char *dev_file,
			 int *ret_fd) HF_MUST_USE;

/* Without blanks and NULs at either end. */
struct hf_span hf_trim(struct hf_span text);
bool hf_is_printable(struct hf_span text);	/* ASCII 0x20 to 0x7e; so is the empty text */
/* Text of a device, trimmed, as a version: as text where it is text, else as bytes. Empty:
 * no claim. */
enum hf_err hf_sink_device_text(struct hf_sink *sink, const char *mkey, uint32_t flags,
				struct hf_span text) HF_MUST_USE;
/* A text attribute in the same way; one that is not there: no claim. */
enum hf_err hf_sink_attribute(const struct hf_read *read, const char *mkey, uint32_t flags,
			      const char *directory, const char *name) HF_MUST_USE;
/* A failure that is for people only. */
enum hf_err hf_sink_advisory_failure(struct hf_sink *sink, const char *mkey,
				     enum hf_err cause) HF_MUST_USE;

#endif
