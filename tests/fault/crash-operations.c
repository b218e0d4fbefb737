/* crash-operations.c - see crash-operations.h. */
#include "crash-operations.h"

#include "io/io-fault.h"
#include "mailbox/mailbox-admin.h"

#ifndef FIXTURE_MBOX
/* Where the disk is full. */
static struct io *disk;
#endif

static unsigned int counter;

void crash_operations_begin(struct io *port)
{
	counter = 0;
#ifndef FIXTURE_MBOX
	disk = port;
#else
	(void)port;
#endif
}

int crash_save(struct fixture *f)
{
	char text[100];

	(void)snprintf(text, sizeof(text), "Subject: %u\r\n\r\nbody\r\n",
		       ++counter);
	return fixture_try_save(f, "INBOX", cv_span_of(text),
				counter % 2 == 0 ? CV_FLAG_SEEN : 0, NULL);
}

/* Too large for the journal. */
static int op_save_big(struct fixture *f)
{
	struct cv_text big;

	cv_text_init(&big, f->pool);
	cv_text_append_f(&big, "Subject: %u\r\n\r\n", ++counter);
	while (big.len < 70000)
		cv_text_append_str(&big, "filling the message with text\r\n");
	return fixture_try_save(f, "INBOX", cv_text_span(&big), 0, NULL);
}

static int change(struct fixture *f, uint32_t how, uint32_t flags,
		  const char *keyword, bool later)
{
	struct cv_range range = { 1, 2 };
	struct cv_store_request r = {
		CV_SIZED(cv_store_request), .seqs = { &range, 1 },
		.change = how, .flags = flags,
		.keywords = { &keyword, keyword != NULL },
		.unchanged_since = UINT64_MAX, .settle_later = later,
	};
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret == CV_OK && fixture_state(box).messages >= 2)
		ret = mailbox_api.store(box, &r, f->pool, NULL, &f->err);
	if (ret == CV_OK && later)
		ret = mailbox_api.settle(f->user, &f->err);
	if (box != NULL)
		mailbox_api.close(&box);
	return ret;
}

static int op_flag(struct fixture *f)
{
	return change(f, CV_FLAGS_ADD, CV_FLAG_FLAGGED, NULL, false);
}

static int op_unflag(struct fixture *f)
{
	return change(f, CV_FLAGS_REPLACE, 0, NULL, true);
}

static int op_keyword(struct fixture *f)
{
	return change(f, CV_FLAGS_ADD, 0, "$Key", false);
}

static int op_delete(struct fixture *f)
{
	return change(f, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL, false);
}

static int annotate(struct fixture *f, const struct cv_annotation *list,
		    uint32_t count)
{
	struct cv_range range = { 1, 2 };
	struct cv_store_request r = {
		CV_SIZED(cv_store_request), .seqs = { &range, 1 },
		.unchanged_since = UINT64_MAX,
		.annotations = list, .annotation_count = count,
	};
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret == CV_OK && fixture_state(box).messages >= 2)
		ret = mailbox_api.store(box, &r, f->pool, NULL, &f->err);
	if (box != NULL)
		mailbox_api.close(&box);
	return ret;
}

/* Two messages and two entries: all of it or nothing. */
static int op_annotate(struct fixture *f)
{
	const char *value = pool_printf(f->pool, "value %u", ++counter);
	const struct cv_annotation list[] = {
		{ .entry = CV_SPAN("/comment"), .value = cv_span_of(value) },
		{ .entry = CV_SPAN("/comment"), .value = cv_span_of(value),
		  .is_private = true },
		{ .entry = CV_SPAN("/vendor/example/x"),
		  .value = CV_SPAN("constant") },
	};

	return annotate(f, list, 3);
}

static int op_unannotate(struct fixture *f)
{
	const struct cv_annotation list[] = {
		{ .entry = CV_SPAN("/comment") },
		{ .entry = CV_SPAN("/altsubject"), .value = CV_SPAN("other") },
	};

	return annotate(f, list, 2);
}

/* A message and what it begins with are one. */
static int op_save_annotated(struct fixture *f)
{
	const struct cv_annotation note = { .entry = CV_SPAN("/comment"),
		.value = CV_SPAN("from the beginning") };
	struct cv_save_request r = { CV_SIZED(cv_save_request),
		.internal_date = INT64_MIN,
		.annotations = &note, .annotation_count = 1 };
	const char *text = pool_printf(f->pool, "Subject: %u\r\n\r\nbody\r\n",
				       ++counter);
	struct cv_save *save;
	struct cv_set uids;
	uint32_t uidvalidity;
	int ret = mailbox_api.save_begin(f->user, "INBOX", &save, &f->err);

	if (ret == CV_OK)
		ret = mailbox_api.save_add(save, &r, &f->err);
	if (ret == CV_OK)
		ret = mailbox_api.save_write(save, text, strlen(text), &f->err);
	if (ret == CV_OK)
		ret = mailbox_api.save_finish(save, &f->err);
	if (ret == CV_OK)
		return mailbox_api.save_commit(&save, f->pool, &uidvalidity,
					       &uids, &f->err);
	mailbox_api.save_abort(&save);
	return ret;
}

/* In a long row the target may have been removed or renamed. */
static int copy_or_move(struct fixture *f, bool move)
{
	int ret = fixture_try_copy(f, move);

	return ret == CV_E_NOT_FOUND ? CV_OK : ret;
}

static int op_copy(struct fixture *f) { return copy_or_move(f, false); }
static int op_move(struct fixture *f) { return copy_or_move(f, true); }

static int op_create(struct fixture *f)
{
	int ret = mailbox_api.create(f->user, "made", 0, &f->err);

	return ret == CV_E_EXISTS ? CV_OK : ret;
}

static int op_remove(struct fixture *f)
{
	int ret = mailbox_api.remove(f->user, "other", &f->err);

	return ret == CV_E_NOT_FOUND ? CV_OK : ret;
}

static int op_rename(struct fixture *f)
{
	int ret = mailbox_api.rename(f->user, "other", "renamed", &f->err);

	return ret == CV_E_NOT_FOUND || ret == CV_E_EXISTS ? CV_OK : ret;
}

static int op_subscribe(struct fixture *f)
{
	return mailbox_api.subscribe(f->user, "INBOX", true, &f->err);
}

/* The journal goes on in a new file. */
static int op_rotate(struct fixture *f)
{
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret < 0)
		return ret;
	ret = account_rotate(box->store->account, 0, &f->err);
	mailbox_api.close(&box);
	return ret;
}

#ifndef FIXTURE_MBOX
/* For a part of it there is room: nothing of it stays. */
static int op_save_full(struct fixture *f)
{
	int ret;

	io_fault_room(disk, 150);
	ret = crash_save(f);
	io_fault_room(disk, UINT64_MAX);
	/* the UID that it would have had is taken */
	return ret == CV_E_NO_SPACE ? change(f, CV_FLAGS_ADD, 0, NULL, false) :
		ret;
}

/* What frees space takes none but that of the reserve. */
static int op_delete_full(struct fixture *f)
{
	int ret;

	io_fault_room(disk, 0);
	ret = op_delete(f);
	io_fault_room(disk, UINT64_MAX);
	return ret;
}

static int op_expunge_full(struct fixture *f)
{
	int ret;

	io_fault_room(disk, 0);
	ret = fixture_try_expunge(f);
	io_fault_room(disk, UINT64_MAX);
	return ret;
}

static int op_remove_full(struct fixture *f)
{
	int ret;

	io_fault_room(disk, 30);
	ret = op_remove(f);
	io_fault_room(disk, UINT64_MAX);
	return ret;
}
#endif

#ifdef FIXTURE_PLACES
/* Shows nothing to anybody, as long as it is all there. */
static int move_bytes(struct fixture *f, bool back)
{
	struct account_range range = { 1, 2 };
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret < 0)
		return ret;
	/* what is still in the journal has no place yet */
	ret = account_rotate(box->store->account,
			     time_monotonic_msecs() + 1000, &f->err);
	if (ret == CV_OK)
		ret = store_altmove(box->sf, &range, 1, back, &f->err);
	mailbox_api.close(&box);
	return ret;
}

static int op_altmove(struct fixture *f) { return move_bytes(f, false); }
static int op_altback(struct fixture *f) { return move_bytes(f, true); }

static int op_there_and_back(struct fixture *f)
{
	int ret = op_altmove(f);

	return ret < 0 ? ret : op_altback(f);
}
#endif

#ifdef FIXTURE_MDBOX
static int op_purge(struct fixture *f)
{
	uint64_t freed;

	return mailbox_purge(f->user, false, &freed, &f->err);
}
#endif

const struct crash_operation crash_operations[] = {
	{ "save", crash_save, false, NULL }, { "save big", op_save_big, false, NULL },
	{ "flag", op_flag, true, NULL }, { "unflag", op_unflag, true, NULL },
	{ "keyword", op_keyword, true, NULL }, { "delete", op_delete, true, NULL },
	{ "expunge", fixture_try_expunge, false, NULL },
	{ "annotate", op_annotate, false, NULL },
	{ "unannotate", op_unannotate, false, NULL },
	{ "save annotated", op_save_annotated, false, NULL },
	{ "copy", op_copy, false, NULL }, { "move", op_move, false, NULL },
	{ "create", op_create, true, NULL }, { "remove", op_remove, true, "other" },
	{ "rename", op_rename, false, NULL },
	{ "subscribe", op_subscribe, false, NULL },
	{ "rotate", op_rotate, false, NULL },
#ifndef FIXTURE_MBOX
	{ "save without room", op_save_full, false, NULL },
	{ "delete without room", op_delete_full, true, NULL },
	{ "expunge without room", op_expunge_full, false, NULL },
	{ "remove without room", op_remove_full, true, "other" },
#endif
#ifdef FIXTURE_PLACES
	{ "altmove", op_altmove, false, NULL },
	{ "altmove and back", op_there_and_back, false, NULL },
	{ "altmove back", op_altback, false, NULL },
#endif
#ifdef FIXTURE_MDBOX
	{ "purge", op_purge, false, NULL },
#endif
};
const uint32_t crash_operation_count =
	sizeof(crash_operations) / sizeof(crash_operations[0]);
