/* mailbox-progress.c - telling whoever waits that there is something to wait
 * for. */
#include "mailbox-private.h"

enum {
	/* [RFC9585 4] every 10 to 15 seconds */
	PROGRESS_MSECS = 10 * 1000,
	CALLS_PER_LOOK = 16,		/* at the clock */
};

void mailbox_set_progress(struct cv_user *u, cv_progress_fn *fn,
			  void *context)
{
	u->progress = (struct mailbox_progress){ .fn = fn,
						 .context = context };
}

void mailbox_progress_begin(struct cv_user *user)
{
	struct mailbox_progress *p = &user->progress;

	if (p->fn != NULL && p->next_msecs == 0)
		p->next_msecs = time_monotonic_msecs() + PROGRESS_MSECS;
}

int mailbox_progress(struct cv_user *user, uint64_t done, uint64_t total,
		     struct cv_error *err)
{
	struct mailbox_progress *p = &user->progress;
	uint64_t now;
	int ret = spare_memory_check(0, err);

	if (ret < 0)
		return ret;
	if (p->fn == NULL || ++p->calls % CALLS_PER_LOOK != 0)
		return CV_OK;
	now = time_monotonic_msecs();
	if (p->next_msecs == 0 || now < p->next_msecs)
		return CV_OK;
	p->next_msecs = now + PROGRESS_MSECS;
	ret = p->fn(p->context, done, total);
	return ret >= 0 ? CV_OK :
		FAIL(err, ret, "given up by who had asked for it");
}
