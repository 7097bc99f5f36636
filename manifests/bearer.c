/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/bearer.h"

/* It replaces the one who would look closer: what he would have to look at twice is not for it. */
static const char *host_refuses(const struct hf_bearer_input *in)
{
	if (in->model->mode != HF_MODE_ENFORCE)
		return "the model is in audit mode";
	if (in->verdict->status != HF_STATUS_ACCEPTED || in->verdict->cause || in->verdict->boot)
		return "not everything is accepted without a warning or waiver";
	return NULL;
}

static const char *over(const struct hf_bearer_input *in, const struct hf_waiver *w)
{
	if (!w->has_generation || w->generation != in->model->generation)
		return "it is for another generation of the model";
	if (in->reset_count < w->boots_from)
		return "its boots have not begun";
	if (in->reset_count > w->boots_to)
		return "its boots are over";
	if (w->has_until && hf_date_over(w->until_day, in->now))
		return "its time is over";
	return host_refuses(in);
}

enum hf_err hf_bearer_find(const struct hf_bearer_input *in, const struct hf_waiver **ret,
			   const char **ret_why)
{
	*ret_why = NULL;
	if (!in->model || in->ak_name.len != HF_AK_NAME)
		return HF_ERR_BEARER_REFUSED;
	for (const struct hf_waiver *w = in->manifests->waivers; w; w = w->next) {
		if (!w->bearer || memcmp(in->ak_name.ptr, w->host, HF_AK_NAME) != 0)
			continue;
		*ret_why = over(in, w);
		if (*ret_why)
			continue;
		*ret = w;
		return HF_OK;
	}
	return HF_ERR_BEARER_REFUSED;
}
