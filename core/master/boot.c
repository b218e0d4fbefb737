/* boot.c - the GO message. */
#include "boot.h"

enum { BOOT_PATH_MAX = 4096 };

void boot_go_put(struct ipc_writer *w, const struct boot_go *go)
{
	ipc_begin(w, BOOT_MSG_GO);
	ipc_put_u32(w, go->uid);
	ipc_put_u32(w, go->gid);
	ipc_put_str(w, go->chroot_dir);
	ipc_put_u32(w, go->generation);
	ipc_put_u32(w, go->process_limit);
	ipc_put_u32(w, go->client_limit);
	ipc_put_u32(w, go->service_count);
	ipc_put_u32(w, go->process_min_avail);
	ipc_put_u64(w, go->idle_kill_msecs);
	ipc_put_u64(w, go->vsz_limit);
	ipc_put_str(w, go->hostname);
	ipc_put_span(w, cv_span((const char *)go->secret,
				BOOT_SECRET_BYTES));
}

int boot_go_get(struct ipc_reader *r, struct cv_pool *pool,
		struct boot_go *go_r, struct cv_error *err)
{
	struct cv_span secret;

	go_r->uid = ipc_get_u32(r);
	go_r->gid = ipc_get_u32(r);
	go_r->chroot_dir = pool_strdup(pool, ipc_get_str(r, BOOT_PATH_MAX));
	go_r->generation = ipc_get_u32(r);
	go_r->process_limit = ipc_get_u32(r);
	go_r->client_limit = ipc_get_u32(r);
	go_r->service_count = ipc_get_u32(r);
	go_r->process_min_avail = ipc_get_u32(r);
	go_r->idle_kill_msecs = ipc_get_u64(r);
	go_r->vsz_limit = ipc_get_u64(r);
	go_r->hostname = pool_strdup(pool, ipc_get_str(r, BOOT_NAME_MAX));
	secret = ipc_get_span(r, BOOT_SECRET_BYTES);
	if (secret.len == BOOT_SECRET_BYTES)
		memcpy(go_r->secret, secret.data, secret.len);
	else
		r->failed = true;
	return ipc_finish(r, err);
}
