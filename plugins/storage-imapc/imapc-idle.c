/* imapc-idle.c - the server tells of changes while a session waits for them:
 * IDLE [RFC2177].
 *
 * What it tells is only heard: the next check asks, as ever.  A change between
 * the last check and IDLE must be noticed, too: the mailbox is selected before,
 * and what the server says when IDLE begins counts as told. */
#include "imapc.h"

#include <sys/eventfd.h>

/* [RFC9051 7.4.1, 7.5] How many there are tells something new only when it is
 * another number. */
static int take_news(struct cv_storage_root *root, struct cv_span rest,
		     void *context, struct cv_error *err)
{
	struct cv_storage_folder *folder = context;
	struct cv_span first = imapc_word(&rest), word = imapc_word(&rest);

	(void)root; (void)err;
	if (cv_span_is_icase(word, "EXISTS") ?
	    imapc_number(first, UINT32_MAX) != folder->seen.messages :
	    cv_span_is_icase(word, "EXPUNGE") ||
	    cv_span_is_icase(word, "FETCH") ||
	    cv_span_is_icase(first, "VANISHED"))
		folder->news = true;
	return CV_OK;
}

int imapc_listen_end(struct cv_storage_root *root, struct cv_error *err)
{
	struct cv_storage_folder *folder = root->listening;
	int ret;

	if (folder == NULL)
		return CV_OK;
	root->listening = NULL;
	ret = imapc_write(root, CV_SPAN("DONE\r\n"), err);
	if (ret == CV_OK)
		ret = imapc_finish(root, take_news, folder, err);
	/* however it ended: the connection says whether it is good */
	return ret == CV_E_DENIED || ret == CV_E_SYNTAX ? CV_OK : ret;
}

/* For what has been heard already. */
static int heard(struct cv_storage_root *root)
{
	if (root->heard_fd < 0)
		root->heard_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	return root->heard_fd;
}

/* False: so often that waiting is no good. */
static bool may_listen(struct cv_storage_root *root)
{
	uint64_t now = cv_api->monotonic_msecs();

	if (now - root->listened_at > IMAPC_NEWS_MSECS) {
		root->listened_at = now;
		root->listened = 0;
	}
	return ++root->listened <= IMAPC_NEWS_MAX;
}

/* CV_OK: selected, and as at the last scan; CV_CHANGED: it is not. */
static int prepare(struct cv_storage_folder *folder)
{
	struct cv_storage_root *root = folder->root;
	bool was = root->selected != NULL &&
		strcmp(root->selected, folder->raw) == 0;
	int ret = imapc_select(root, folder->raw,
			       imapc_has_feature(root, "no-examine"), NULL);

	if (ret < 0 || was)
		return ret;
	ret = imapc_status(folder, NULL);
	if (ret < 0 || !imapc_has_changed(folder))
		return ret;
	folder->news = true;
	return CV_CHANGED;
}

/* [RFC2177 3] */
static int begin(struct cv_storage_folder *folder)
{
	struct cv_storage_root *root = folder->root;
	int ret = imapc_begin(root, "IDLE\r\n", NULL);

	if (ret == CV_OK)
		ret = imapc_go_ahead(root, take_news, folder, NULL);
	if (ret == CV_E_DENIED || ret == CV_E_SYNTAX)
		root->caps &= ~(uint32_t)IMAPC_IDLE;
	if (ret == CV_OK)
		root->listening = folder;
	return ret;
}

int imapc_listen(struct cv_storage_folder *folder)
{
	struct cv_storage_root *root = folder->root;
	bool more;
	int fd, ret = CV_OK;

	if (root->listening != folder) {
		if (!may_listen(root) || imapc_connect(root, NULL) < 0 ||
		    (root->caps & IMAPC_IDLE) == 0)
			return -1;
		ret = prepare(folder);
		if (ret == CV_OK)
			ret = begin(folder);
		if (ret != CV_OK)
			return ret < 0 ? -1 : heard(root);
	}
	fd = imapc_client->descriptor(root->client, &more);
	return more || folder->news ? heard(root) : fd;
}
