/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was refused before its body came. */
#include "controller/server/http_internal.h"

#include <fcntl.h>
#include <unistd.h>

#include <microhttpd.h>

#include "pcie/worker.h"

#define LINGER_MS 2000

static void close_one(struct hf_linger *l, size_t i)
{
	if (l->slots[i].fd > 0)
		close(l->slots[i].fd);
	l->slots[i].fd = 0;
}

void hf_linger(struct hf_linger *linger, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const int fd = info ? fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 3) : -1;

	if (fd < 0)
		return;
	pthread_mutex_lock(&linger->lock);
	close_one(linger, linger->next);
	linger->slots[linger->next] = (struct hf_linger_slot){ fd, hf_now_ms() + LINGER_MS };
	linger->next = (linger->next + 1) % HF_LINGERS;
	pthread_mutex_unlock(&linger->lock);
}

void hf_linger_end(struct hf_linger *linger, uint64_t now_ms)
{
	pthread_mutex_lock(&linger->lock);
	for (size_t i = 0; i < HF_LINGERS; i++)
		if (linger->slots[i].until_ms <= now_ms)
			close_one(linger, i);
	pthread_mutex_unlock(&linger->lock);
}
