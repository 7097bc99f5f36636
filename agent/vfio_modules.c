/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/vfio_modules.h"

#include "agent/bind.h"
#include "pcie/doe.h"
#include "pcie/worker.h"

#define TRIES 4	/* devices that hang; the next one is asked then */

struct question {
	const struct hf_host *host;
	const struct hf_address *address;
	bool answered, refused;
};

static enum hf_err try_it(void *self, size_t index, struct hf_writer *w)
{
	const struct question *q = self;

	(void)index;
	hf_put_le(w, hf_mailbox_refused(q->host, q->address), 1);
	return HF_OK;
}

static enum hf_err heard(void *self, const struct hf_pool_answer *answer)
{
	struct question *q = self;

	q->answered = !answer->lost && !answer->err && answer->bytes.len == 1;
	q->refused = q->answered && answer->bytes.ptr[0] == 1;
	return HF_OK;
}

bool hf_vfio_wanted(const struct hf_host *host, const struct hf_bus *bus, unsigned deadline_ms)
{
	const struct hf_pool_options pool = { .workers = 1, .device_ms = deadline_ms,
					      .keep = &host->sysfs, .keep_count = 1, .answer_max = 1 };
	struct question q = { .host = host };

	if (!host->live)
		return false;
	for (size_t i = 0, tried = 0; i < bus->count && tried < TRIES && !q.answered; i++) {
		const struct hf_bus_function *f = &bus->functions[i];
		uint32_t at[HF_DOE_MAILBOXES_MAX];
		bool loop = false;

		if (f->virtual_function || hf_doe_find(f->config, at, &loop) == 0)
			continue;
		q.address = &f->address;
		tried++;
		if (hf_pool_run(&pool, 1, try_it, heard, &q) != HF_OK)
			return false;
	}
	return q.refused;
}

enum hf_err hf_vfio_modules_load(struct hf_fault *fault)
{
	/* modules.dep names what each needs, and vfio-pci does not need the other: the kernel
	 * would ask for it by a helper program, which there is none of here. */
	static const char *const names[] = { "vfio_iommu_type1", "vfio-pci" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (hf_module_load(names[i], fault) != HF_OK) {
			fault->err = HF_ERR_VFIO;	/* its own next step */
			return HF_ERR_VFIO;
		}
	return HF_OK;
}
