/* imap-notify.c - see imap-notify.h. */
#include "imap-notify.h"
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-context.h"
#include "imap-enable.h"
#include "imap-fetch.h"
#include "imap-list.h"
#include "imap-metadata.h"
#include "imap-respond.h"
#include "imap-set.h"
#include "imap-sync.h"

enum { OWN_MAX = 1000 };

uint32_t imap_notify_selected(const struct imap_session *s)
{
	return s->notify == NULL ? UINT32_MAX : s->notify->selected;
}

bool imap_notify_listens(const struct imap_session *s)
{
	const struct imap_notify *n = s->notify;

	return n != NULL && (n->any != 0 ||
			     (n->selected != 0 && s->box != NULL));
}

bool imap_notify_wants_metadata(const struct imap_session *s,
				const char *name)
{
	/* [RFC5465 5] the rights l and r */
	const uint32_t all = CV_PICTURE_EXISTS | CV_PICTURE_LOOKUP |
		CV_PICTURE_READ;
	const struct imap_notify *n = s->notify;

	if (n == NULL)
		return false;
	if (*name == '\0')
		return (n->any & IMAP_EVENT_SERVER_METADATA_CHANGE) != 0;
	if ((n->any & IMAP_EVENT_MAILBOX_METADATA_CHANGE) == 0)
		return false;
	for (uint32_t i = 0; i < n->known_count; i++) {
		if (strcmp(n->known[i].name, name) == 0)
			return (n->known[i].flags & all) == all &&
				(n->known[i].events &
				 IMAP_EVENT_MAILBOX_METADATA_CHANGE) != 0;
	}
	return false;
}

static struct imap_cmd fake_command(struct imap_session *s,
				    struct cv_pool *pool)
{
	struct imap_cmd cmd = { .s = s, .pool = pool };

	cmd.def = imap_command_find(CV_SPAN("NOTIFY"));
	cv_text_init(&cmd.text, pool);
	return cmd;
}

/* --- what the session does itself ------------------------------------------------ */

static struct imap_own *own_add(struct imap_notify *n, const char *name)
{
	struct imap_own *own = CV_ALLOC(n->own_pool, struct imap_own);

	own->name = imap_copy(n->own_pool, cv_span_of(name));
	own->next = n->own;
	n->own = own;
	return own;
}

void imap_notify_own_name(struct imap_session *s, const char *name)
{
	if (s->notify != NULL)
		own_add(s->notify, name)->named = true;
}

void imap_notify_own(struct imap_session *s, const char *name,
		     struct cv_set uids)
{
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	struct imap_notify *n = s->notify;
	struct imap_own *own;

	if (n == NULL || uids.count == 0)
		return;
	own = own_add(n, name);
	own->messages = (uint32_t)imap_set_size(uids);
	for (uint32_t i = 0; i < uids.count; i++) {
		if (uids.ranges[i].last > own->last_uid)
			own->last_uid = uids.ranges[i].last;
	}
	if (s->box == NULL)
		return;
	imap_mailbox_api->state(s->box, &state);
	if (strcmp(state.name, name) == 0)
		n->own_uids = imap_set_union(n->own_pool, n->own_uids, uids);
}

static void own_forget(struct imap_notify *n)
{
	if (n->own == NULL)
		return;
	cv_api->pool_reset(n->own_pool);
	n->own = NULL;
	n->own_uids = (struct cv_set){ NULL, 0 };
}

/* --- the open mailbox --------------------------------------------------------------- */

void imap_notify_selection(struct imap_session *s)
{
	if (s->notify != NULL) {
		s->notify->watch_stale = true;
		own_forget(s->notify);
	}
}

static bool is_own_message(const struct imap_session *s, uint32_t uid)
{
	return s->notify != NULL && cv_set_contains(s->notify->own_uids, uid);
}

/* [RFC5465 5.2] what NOTIFY and all contexts want to know, in one response. */
static void tell_one(struct imap_session *s, struct cv_pool *pool,
		     uint32_t seq)
{
	struct imap_cmd cmd = fake_command(s, pool);
	struct imap_fetch fetch = { .item_count = 0 };
	uint32_t uid = imap_mailbox_api->uid_of(s->box, seq);
	struct cv_range one = { seq, seq };

	/* nor what this client has put there itself */
	if (is_own_message(s, uid) ||
	    (s->notify != NULL && s->notify->items.at < s->notify->items.end &&
	     !imap_fetch_parse_items(&cmd, &fetch, s->notify->items)) ||
	    !imap_contexts_items(&cmd, uid, &fetch))
		return;
	if (fetch.item_count > 0 || fetch.body_count > 0 ||
	    fetch.extended_count > 0)
		(void)imap_fetch_messages(&cmd, &fetch,
					  (struct cv_set){ &one, 1 });
}

/* What NOTIFY alone wants to know. */
static void tell_all(struct imap_session *s, struct cv_pool *pool,
		     uint32_t first, uint32_t last)
{
	struct imap_cmd cmd = fake_command(s, pool);
	struct imap_fetch fetch = { .item_count = 0 };
	struct imap_set_builder seqs = { .pool = pool };

	for (uint32_t seq = first; seq <= last; seq++) {
		if (!is_own_message(s, imap_mailbox_api->uid_of(s->box, seq)))
			imap_set_add(&seqs, seq);
	}
	if (seqs.count > 0 &&
	    imap_fetch_parse_items(&cmd, &fetch, s->notify->items))
		(void)imap_fetch_messages(&cmd, &fetch,
					  imap_set_built(&seqs));
}

void imap_notify_new(struct imap_session *s, struct cv_pool *pool,
		     uint32_t first, uint32_t last)
{
	const struct imap_notify *n = s->notify;
	struct cv_pool *each;

	if ((n == NULL || n->items.at == n->items.end) &&
	    !imap_contexts_have_items(s))
		return;
	if (!imap_contexts_have_items(s)) {
		tell_all(s, pool, first, last);
		return;
	}
	each = cv_api->pool_create("new message");
	for (uint32_t seq = first; seq <= last; seq++) {
		cv_api->pool_reset(each);
		tell_one(s, each, seq);
	}
	cv_api->pool_destroy(&each);
}

/* --- other mailboxes ------------------------------------------------------------------ */

static void known_set(struct imap_notify *n, struct imap_known *known,
		      uint32_t count, struct cv_pool *pool)
{
	if (n->known_pool != NULL)
		cv_api->pool_destroy(&n->known_pool);
	n->known_pool = pool;
	n->known = known;
	n->known_count = count;
}

/* [RFC5465 5.8] from here on it is as after NOTIFY NONE. */
static void overflow(struct imap_session *s)
{
	imap_notify_destroy(&s->notify);
	s->notify = imap_notify_create();
	imap_mailbox_api->watch_end(s->user);
	imap_send_line(s, "* OK [NOTIFICATIONOVERFLOW] Notifications have "
		       "become too many, and are off.");
}

static bool is_same_set(const struct imap_notify *n,
			const struct imap_known *now, uint32_t count)
{
	if (count != n->known_count)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (now[i].events != n->known[i].events ||
		    now[i].flags != n->known[i].flags ||
		    memcmp(now[i].guid, n->known[i].guid,
			   sizeof(now[i].guid)) != 0)
			return false;
	}
	return true;
}

void imap_notify_others(struct imap_session *s, struct cv_pool *pool)
{
	struct imap_notify *n = s->notify;
	struct imap_known *now;
	struct cv_pool *now_pool;
	struct imap_cmd cmd;
	uint32_t count;
	int code;

	if (n == NULL || n->any == 0)
		return;
	code = imap_notify_look(s, n, &now, &count, &now_pool);
	if (code == CV_OK) {
		cmd = fake_command(s, pool);
		code = imap_notify_tell(&cmd, n, now, count);
		if (!is_same_set(n, now, count))
			n->watch_stale = true;
		known_set(n, now, count, now_pool);
	}
	/* what cannot be read now is compared when it can */
	if (code == CV_E_LIMIT)
		overflow(s);
	else if (code < 0)
		cv_api->log(imap_self, CV_LOG_ERROR, "NOTIFY: %s",
			    cv_api->error_text(s->err));
	if (s->notify == n && code >= 0)
		own_forget(n);
}

int imap_notify_push(struct imap_session *s, bool command)
{
	static const struct imap_report none = { .with_uid = true };
	struct imap_notify *n = s->notify;
	struct cv_pool *pool = s->cmd_pool;
	int code = CV_OK;

	cv_api->pool_reset(pool);
	imap_compress_reset(s);
	if (imap_mailbox_api->watch_take(s->user, s->err) < 0)
		cv_api->log(imap_self, CV_LOG_ERROR, "NOTIFY: %s",
			    cv_api->error_text(s->err));
	if (s->box != NULL && n->selected != 0)
		code = imap_sync_report(s, pool, n->delayed && !command ?
					CV_SYNC_NO_EXPUNGES : 0, true, &none);
	if (code >= 0) {
		/* in this order: of a new mailbox its name comes first */
		imap_notify_others(s, pool);
		imap_metadata_notify(s, pool);
	}
	imap_flush(s);
	return code;
}

/* --- watching ---------------------------------------------------------------------------- */

/* INBOX first: of so many names not all may count. */
static const char **names_to_watch(const struct imap_session *s,
				   const struct imap_notify *n,
				   struct cv_pool *pool, uint32_t *count_r)
{
	const char **names = CV_ALLOC_ARRAY(pool, const char *,
					    n->known_count + 2);
	uint32_t count = 0;

	for (uint32_t i = 0; i < n->known_count; i++) {
		const struct imap_known *k = &n->known[i];

		if ((k->events & IMAP_EVENTS_MESSAGE) == 0 ||
		    (k->flags & CV_PICTURE_READ) == 0)
			continue;
		names[count++] = k->name;
		if (strcmp(k->name, "INBOX") == 0) {
			names[count - 1] = names[0];
			names[0] = k->name;
		}
	}
	*count_r = count;
	return names;
}

/* A name that means what is below it ends with the separator. */
static const char *name_to_want(struct imap_session *s, struct cv_pool *pool,
				const struct imap_mailbox_filter *f,
				uint32_t i)
{
	struct cv_text below;

	if (f->kind == IMAP_FILTER_MAILBOXES)
		return f->names[i];
	cv_text_init(&below, pool);
	cv_text_append_str(&below, f->names[i]);
	cv_text_append_c(&below, imap_separator(s, f->names[i]));
	return cv_text_str(&below);
}

/* Whose mail beside the user's own the filters mean [RFC5465 6]. */
static int want(struct imap_session *s, const struct imap_notify *n,
		struct cv_pool *pool)
{
	const uint32_t told = IMAP_EVENTS_MESSAGE | IMAP_EVENT_MAILBOX_NAME |
		IMAP_EVENT_MAILBOX_METADATA_CHANGE;
	uint32_t count = 0, room = n->known_count;
	bool personal = false, subscribed = false;
	const char **names;

	if (!CV_HAS(imap_mailbox_api, pictures_want))
		return CV_OK;
	for (uint32_t i = 0; i < n->count; i++)
		room += n->groups[i].filter.count;
	names = CV_ALLOC_ARRAY(pool, const char *, room + 1);
	for (uint32_t i = 0; i < n->count; i++) {
		const struct imap_mailbox_filter *f = &n->groups[i].filter;

		if ((n->groups[i].events & told) == 0)
			continue;
		personal = personal || (f->kind & (
			IMAP_FILTER_PERSONAL | IMAP_FILTER_INBOXES)) != 0;
		subscribed = subscribed || f->kind == IMAP_FILTER_SUBSCRIBED;
		for (uint32_t k = 0; k < f->count; k++)
			names[count++] = name_to_want(s, pool, f, k);
	}
	for (uint32_t i = 0; subscribed && i < n->known_count; i++) {
		if ((n->known[i].flags & CV_PICTURE_SUBSCRIBED) != 0)
			names[count++] = n->known[i].name;
	}
	return imap_mailbox_api->pictures_want(s->user, names, count,
					       personal, s->err);
}

static int watch(struct imap_session *s, struct imap_notify *n,
		 struct cv_pool *pool)
{
	uint32_t count;
	const char **names = names_to_watch(s, n, pool, &count);
	int code = want(s, n, pool);

	return code < 0 ? code : imap_mailbox_api->watch_set(
		s->user, n->selected != 0 ? s->box : NULL, names, count,
		s->err);
}

int imap_notify_watch(struct imap_session *s, int *fd_r)
{
	int code = CV_OK;

	*fd_r = -1;
	/* what is told may change what is to be watched */
	for (int i = 0; i < 2 && imap_notify_listens(s) &&
	     s->notify->watch_stale && code >= 0; i++) {
		cv_api->pool_reset(s->cmd_pool);
		s->notify->watch_stale = false;
		if (watch(s, s->notify, s->cmd_pool) < 0) {
			cv_api->log(imap_self, CV_LOG_WARNING, "NOTIFY: %s",
				    cv_api->error_text(s->err));
			overflow(s);
			return CV_OK;
		}
		code = imap_notify_push(s, false);
	}
	if (code >= 0 && imap_notify_listens(s))
		*fd_r = imap_mailbox_api->watch_all_fd(s->user);
	return code;
}

/* --- the command --------------------------------------------------------------------------- */

static void begin_metadata(struct imap_session *s,
			   const struct imap_notify *n, struct cv_pool *pool)
{
	struct cv_metadata_change *changes;
	uint32_t count;

	/* what is there now is no news */
	if ((n->any & (IMAP_EVENT_MAILBOX_METADATA_CHANGE |
		       IMAP_EVENT_SERVER_METADATA_CHANGE)) != 0 &&
	    CV_HAS(imap_mailbox_api, metadata_changes) &&
	    imap_mailbox_api->metadata_changes != NULL)
		(void)imap_mailbox_api->metadata_changes(
			s->user, pool, &changes, &count, s->err);
}

int imap_notify_begin(struct imap_session *s, struct imap_notify *n,
		      struct cv_pool *pool)
{
	struct imap_known *known;
	struct cv_pool *known_pool;
	uint32_t count;
	int code = CV_OK;

	if (n->any != 0 || n->selected != 0)
		code = imap_notify_look(s, n, &known, &count, &known_pool);
	/* twice: what is watched is looked at, too, for what others did */
	for (int i = 0; i < 2 && code == CV_OK &&
	     (n->any != 0 || n->selected != 0); i++) {
		known_set(n, known, count, known_pool);
		code = watch(s, n, pool);
		if (code == CV_OK)
			code = imap_mailbox_api->watch_take(s->user, s->err);
		if (code == CV_OK)
			code = imap_notify_look(s, n, &known, &count,
						&known_pool);
	}
	if (code == CV_OK && (n->any != 0 || n->selected != 0))
		known_set(n, known, count, known_pool);
	if (code < 0)
		return code;
	n->watch_stale = false;
	begin_metadata(s, n, pool);
	imap_notify_destroy(&s->notify);
	s->notify = n;
	if (!imap_notify_listens(s))
		imap_mailbox_api->watch_end(s->user);
	return CV_OK;
}

/* [RFC5465 3.1] */
static uint32_t first_items(uint32_t events)
{
	uint32_t items = 0;

	if ((events & IMAP_EVENT_MESSAGE_NEW) != 0)
		items = CV_STATUS_MESSAGES | CV_STATUS_UIDNEXT |
			CV_STATUS_UIDVALIDITY;
	if ((events & IMAP_EVENT_FLAG_CHANGE) != 0)
		items |= CV_STATUS_UNSEEN;
	if ((events & (IMAP_EVENT_FLAG_CHANGE |
		       IMAP_EVENT_ANNOTATION_CHANGE)) != 0)
		items |= CV_STATUS_UIDVALIDITY | CV_STATUS_HIGHESTMODSEQ;
	return items;
}

/* Those that are named and can be looked up, but not read. */
static bool is_refused(const struct imap_notify *n,
		       const struct imap_known *k)
{
	const uint32_t seen = CV_PICTURE_EXISTS | CV_PICTURE_LOOKUP;

	return (k->flags & (seen | CV_PICTURE_READ)) == seen &&
		k->events != 0 && n->any != 0;
}

void imap_notify_send_state(struct imap_cmd *cmd, bool status)
{
	struct imap_session *s = cmd->s;
	const struct imap_notify *n = s->notify;
	const uint32_t all = CV_PICTURE_EXISTS | CV_PICTURE_LOOKUP |
		CV_PICTURE_READ;

	for (uint32_t i = 0; i < n->known_count; i++) {
		const struct imap_known *k = &n->known[i];
		uint32_t items = first_items(k->events);

		if (is_refused(n, k))
			imap_list_send_news(cmd, k->name, NULL, true, false);
		if (status && items != 0 && (k->flags & all) == all &&
		    !imap_notify_is_open(s, k))
			imap_notify_status(cmd, k, items);
	}
}
