/* imapc-root.c - the server's folders and subscriptions. */
#include "imapc.h"

#include <unistd.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

/* --- the tree ---------------------------------------------------------------- */

static int make_path(const struct cv_storage_config *config,
		     struct cv_error *err)
{
	const struct cv_io_api *io = config->io_api;
	struct cv_pool *pool = cv_api->pool_create("imapc path");
	char *path = (char *)(uintptr_t)cv_span_copy(
		pool, cv_span_of(config->path));
	int ret = CV_OK;

	for (char *at = path + 1; ret == CV_OK; at++) {
		char end = *at;

		if (end != '/' && end != '\0')
			continue;
		*at = '\0';
		if (io->mkdir(config->io, AT_FDCWD, path, 0700) < 0 &&
		    errno != EEXIST && end == '\0')
			ret = CV_FAIL(err, CV_E_TEMP, "cannot make '%s': %s",
				      path, strerror(errno));
		*at = end;
		if (end == '\0')
			break;
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

int imapc_root_open(const struct cv_storage_config *config,
		    struct cv_storage_root **root_r, struct cv_error *err)
{
	const struct cv_user_api *users = cv_api->service("user", 1);
	struct cv_storage_root *root = CV_ALLOC(config->pool,
						struct cv_storage_root);
	int ret;

	root->config = config;
	root->set = imapc_settings(config);
	if (root->set == NULL || *root->set->imapc_host == '\0')
		return CV_FAIL(err, CV_E_CONFIG, "imapc: which server? "
			       "(hint: set imapc_host)");
	root->user = *root->set->imapc_user != '\0' ?
		root->set->imapc_user : users->name(config->user);
	if (config->create && (ret = make_path(config, err)) < 0)
		return ret;
	root->pool = cv_api->pool_create("imapc");
	root->response_pool = cv_api->pool_create("imapc response");
	root->separator = '/';
	root->heard_fd = -1;
	*root_r = root;
	return CV_OK;
}

void imapc_root_close(struct cv_storage_root **root)
{
	struct cv_storage_root *r = *root;

	*root = NULL;
	imapc_disconnect(r);
	if (r->heard_fd >= 0)
		(void)close(r->heard_fd);
	imapc_spools_drop(r);
	imapc_bodies_drop(r);
	if (r->list_pool != NULL)
		cv_api->pool_destroy(&r->list_pool);
	cv_api->pool_destroy(&r->response_pool);
	cv_api->pool_destroy(&r->pool);
}

char imapc_separator(struct cv_storage_root *root)
{
	(void)root;
	return '/';
}

/* Another server, or another user there, is another account. */
const char *imapc_account_dir(struct cv_storage_root *root)
{
	const char *words[] = { root->set->imapc_host, root->user,
		root->set->imapc_list_prefix };
	uint8_t id[16];
	struct cv_text name;

	imapc_client->identify(id, words, 3);
	cv_text_init(&name, root->pool);
	cv_text_append_str(&name, "culver-");
	for (int i = 0; i < 8; i++)
		cv_text_append_f(&name, "%02x", id[i]);
	return cv_text_str(&name);
}

static const char *name_fault(struct cv_storage_root *root,
			      struct cv_span name)
{
	struct cv_span rest = name, level;

	if (name.len == 0 || name.len > IMAPC_NAME_MAX)
		return "empty or too long";
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c < 0x20 || c == 0x7f)
			return "control character";
		if (root->separator != '/' && root->separator != '\0' &&
		    name.data[i] == root->separator)
			return "the other server's separator";
		if (root->separator == '\0' && c == '/')
			return "the other server has no levels";
	}
	while (cv_span_split(&rest, '/', &level)) {
		if (level.len == 0)
			return "empty hierarchy level";
	}
	return name.data[name.len - 1] == '/' ? "empty hierarchy level" :
		NULL;
}

int imapc_name_check(struct cv_storage_root *root, struct cv_span name,
		     struct cv_error *err)
{
	const char *fault = name_fault(root, name);

	if (fault == NULL)
		return CV_OK;
	CV_FAIL(err, CV_E_PERM, "invalid mailbox name '%.*s': %s",
		CV_SPAN_ARG(name), fault);
	if (err != NULL)
		(void)cv_api->error_set_client(err, "Invalid mailbox name: "
					       "%s", fault);
	return CV_E_PERM;
}

/* --- the list ---------------------------------------------------------------- */

struct listing {
	struct cv_pool *pool;
	struct cv_text names;		/* each with a NUL */
	struct imapc_entry *entries;
	uint32_t count, room;
	char separator;
};

static int take_entry(struct cv_storage_root *root, struct cv_span rest,
		      void *context, struct cv_error *err)
{
	struct listing *l = context;
	struct cv_span word = imapc_word(&rest);
	bool selectable = true;
	struct imapc_token t;
	const char *name;
	char separator;

	/* [RFC9051 7.3.1] */
	if (!cv_span_is_icase(word, "LIST") &&
	    !cv_span_is_icase(word, "LSUB"))
		return CV_OK;
	t = imapc_token(&rest, root->response_pool);
	while (t.type != T_CLOSE && t.type != T_END) {
		t = imapc_token(&rest, root->response_pool);
		if (cv_span_is_icase(t.text, "\\Noselect") ||
		    cv_span_is_icase(t.text, "\\NonExistent"))
			selectable = false;
	}
	t = imapc_token(&rest, root->response_pool);
	separator = t.type == T_STRING && t.text.len == 1 ? t.text.data[0] :
		'\0';
	t = imapc_token(&rest, root->response_pool);
	if (t.type != T_STRING && t.type != T_ATOM)
		return CV_OK;
	l->separator = separator;
	name = imapc_name(l->pool, root->set->imapc_list_prefix, t.text,
			  separator);
	if (name == NULL || *name == '\0')
		return CV_OK;	/* it can be none of ours */
	if (l->count >= IMAPC_FOLDERS_MAX)
		return CV_FAIL(err, CV_E_LIMIT, "'%s' has too many folders",
			       root->set->imapc_host);
	if (l->count == l->room) {
		struct imapc_entry *grown = CV_ALLOC_ARRAY(
			l->pool, struct imapc_entry, l->room * 2 + 64);

		if (l->count > 0)
			memcpy(grown, l->entries,
			       l->count * sizeof(*grown));
		l->entries = grown;
		l->room = l->room * 2 + 64;
	}
	l->entries[l->count++] = (struct imapc_entry){
		name, cv_span_copy(l->pool, t.text), selectable };
	return CV_OK;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct imapc_entry *)a)->name,
		      ((const struct imapc_entry *)b)->name);
}

/* In order of names; each once. */
static int read_list(struct cv_storage_root *root, const char *verb,
		     struct listing *l, uint8_t id_r[16],
		     struct cv_error *err)
{
	struct cv_text line, mask, all;
	uint32_t to = 0;
	const char *words[1];
	int ret = imapc_connect(root, err);

	cv_text_init(&line, l->pool);
	cv_text_init(&mask, l->pool);
	cv_text_init(&all, l->pool);
	cv_text_append_f(&mask, "%s*", root->set->imapc_list_prefix);
	if (ret == CV_OK && *root->set->imapc_list_prefix != '\0') {
		cv_text_append_f(&line, "%s \"\" INBOX", verb);
		ret = imapc_command(root, cv_text_str(&line), take_entry, l,
				    err);
		cv_text_reset(&line);
	}
	cv_text_append_f(&line, "%s \"\" %s", verb,
			 imapc_quote(l->pool, cv_text_str(&mask)));
	if (ret == CV_OK)
		ret = imapc_command(root, cv_text_str(&line), take_entry, l,
				    err);
	if (ret < 0)
		return ret;
	if (l->count > 1)
		qsort(l->entries, l->count, sizeof(*l->entries),
		      compare_entries);
	for (uint32_t i = 0; i < l->count; i++) {
		const struct imapc_entry *before = &l->entries[
			to > 0 ? to - 1 : 0];

		if (to > 0 && strcmp(before->name, l->entries[i].name) == 0) {
			if (strcmp(before->raw, l->entries[i].raw) != 0)
				cv_api->log(imapc_self, CV_LOG_WARNING,
					    "'%s': folder '%s' is not shown: "
					    "'%s' has the same name here",
					    root->set->imapc_host,
					    l->entries[i].raw, before->raw);
			continue;
		}
		l->entries[to++] = l->entries[i];
		cv_text_append_f(&all, "%s%c", l->entries[i].name,
				 l->entries[i].selectable ? '\n' : '\r');
	}
	l->count = to;
	words[0] = cv_text_str(&all);
	imapc_client->identify(id_r, words, 1);
	return CV_OK;
}

int imapc_list(struct cv_storage_root *root, bool anew, struct cv_error *err)
{
	struct listing l = { .separator = '\0' };
	int ret;

	if (!anew && root->list_pool != NULL &&
	    cv_api->monotonic_msecs() - root->listed_at < IMAPC_LIST_MSECS)
		return CV_OK;
	l.pool = cv_api->pool_create("imapc list");
	ret = read_list(root, "LIST", &l, root->list_id, err);
	if (ret < 0) {
		cv_api->pool_destroy(&l.pool);
		return ret;
	}
	if (root->list_pool != NULL)
		cv_api->pool_destroy(&root->list_pool);
	root->list_pool = l.pool;
	root->entries = l.entries;
	root->entry_count = l.count;
	root->separator = l.count > 0 ? l.separator : '/';
	root->listed_at = cv_api->monotonic_msecs();
	return CV_OK;
}

const struct imapc_entry *imapc_entry_find(struct cv_storage_root *root,
					   struct cv_span name)
{
	for (uint32_t i = 0; i < root->entry_count; i++) {
		if (cv_span_is(name, root->entries[i].name))
			return &root->entries[i];
	}
	return NULL;
}

int imapc_folders_check(struct cv_storage_root *root, struct cv_text *stamp,
			struct cv_error *err)
{
	int ret = imapc_list(root, false, err);

	if (ret < 0)
		return ret;
	if (stamp->len == sizeof(root->list_id) &&
	    memcmp(stamp->data, root->list_id, stamp->len) == 0)
		return CV_OK;
	cv_text_reset(stamp);
	cv_text_append(stamp, root->list_id, sizeof(root->list_id));
	return CV_CHANGED;
}

int imapc_folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
		       void *context, struct cv_error *err)
{
	int ret = imapc_list(root, false, err);

	for (uint32_t i = 0; i < root->entry_count && ret == CV_OK; i++) {
		struct cv_folder_found found = {
			CV_SIZED(cv_folder_found),
			.name = root->entries[i].name,
			.selectable = root->entries[i].selectable,
		};

		ret = fn(context, &found);
	}
	return ret;
}

/* --- changes ----------------------------------------------------------------- */

/* One with the name of a folder, or of two. */
static int name_command(struct cv_storage_root *root, const char *verb,
			struct cv_span name, struct cv_span second,
			struct cv_error *err)
{
	const char *prefix = root->set->imapc_list_prefix;
	struct cv_pool *pool = cv_api->pool_create("imapc name");
	const struct imapc_entry *entry = imapc_entry_find(root, name);
	struct cv_text line;
	int ret;

	cv_text_init(&line, pool);
	cv_text_append_f(&line, "%s %s", verb, imapc_quote(
		pool, entry != NULL ? entry->raw :
		imapc_raw_name(pool, prefix, name, root->separator)));
	if (second.data != NULL)
		cv_text_append_f(&line, " %s", imapc_quote(
			pool, imapc_raw_name(pool, prefix, second,
					     root->separator)));
	ret = imapc_command(root, cv_text_str(&line), NULL, NULL, err);
	cv_api->pool_destroy(&pool);
	return ret;
}

int imapc_folder_create(struct cv_storage_root *root, struct cv_span name,
			struct cv_error *err)
{
	const struct imapc_entry *entry;
	int ret = imapc_list(root, true, err);

	if (ret < 0)
		return ret;
	if ((ret = imapc_name_check(root, name, err)) < 0)
		return ret;
	entry = imapc_entry_find(root, name);
	if (entry != NULL && entry->selectable)
		return CV_FAIL(err, CV_E_EXISTS, "folder '%.*s' exists",
			       CV_SPAN_ARG(name));
	ret = name_command(root, "CREATE", name, CV_SPAN_NONE, err);
	return ret == CV_OK ? imapc_list(root, true, err) : ret;
}

/* [RFC9051 6.3.5] A selected mailbox is best left before it goes, or gets
 * another name: there are servers that close the connection otherwise. */
static int leave_selected(struct cv_storage_root *root, struct cv_error *err)
{
	if (root->selected == NULL)
		return CV_OK;
	(void)imapc_command(root, "UNSELECT", NULL, NULL, NULL);
	root->selected = NULL;
	return imapc_connect(root, err);
}

int imapc_folder_remove(struct cv_storage_root *root, struct cv_span name,
			struct cv_error *err)
{
	int ret = imapc_list(root, true, err);

	if (ret < 0)
		return ret;
	if (imapc_entry_find(root, name) == NULL)
		return CV_OK;
	if ((ret = leave_selected(root, err)) < 0)
		return ret;
	ret = name_command(root, "DELETE", name, CV_SPAN_NONE, err);
	return ret == CV_OK ? imapc_list(root, true, err) : ret;
}

/* Children have gone with their parent: then this has been done already. */
int imapc_folder_rename(struct cv_storage_root *root, struct cv_span name,
			struct cv_span new_name, struct cv_error *err)
{
	const struct imapc_entry *from, *to;
	int ret = imapc_list(root, true, err);

	if (ret < 0)
		return ret;
	from = imapc_entry_find(root, name);
	to = imapc_entry_find(root, new_name);
	if (to != NULL && to->selectable)
		return from == NULL ? CV_OK :
			CV_FAIL(err, CV_E_EXISTS, "folder '%.*s' exists",
				CV_SPAN_ARG(new_name));
	if (from == NULL)
		return CV_FAIL(err, CV_E_NOT_FOUND, "no folder '%.*s'",
			       CV_SPAN_ARG(name));
	if ((ret = leave_selected(root, err)) < 0)
		return ret;
	ret = name_command(root, "RENAME", name, new_name, err);
	return ret == CV_OK ? imapc_list(root, true, err) : ret;
}

/* --- subscriptions ----------------------------------------------------------- */

int imapc_subscriptions_read(struct cv_storage_root *root,
			     struct cv_text *stamp, struct cv_pool *pool,
			     struct cv_strings *names_r,
			     struct cv_error *err)
{
	struct listing l = { .pool = pool };
	uint8_t id[16];
	const char **names;
	int ret = read_list(root, "LSUB", &l, id, err);

	if (ret < 0)
		return ret;
	if (stamp->len == sizeof(id) &&
	    memcmp(stamp->data, id, sizeof(id)) == 0)
		return CV_OK;
	cv_text_reset(stamp);
	cv_text_append(stamp, id, sizeof(id));
	names = CV_ALLOC_ARRAY(pool, const char *, l.count + 1);
	for (uint32_t i = 0; i < l.count; i++)
		names[i] = l.entries[i].name;
	*names_r = (struct cv_strings){ names, l.count };
	return CV_CHANGED;
}

static bool has_name(const struct cv_strings *names, const char *name)
{
	for (uint32_t i = 0; i < names->count; i++) {
		if (strcmp(names->items[i], name) == 0)
			return true;
	}
	return false;
}

int imapc_subscriptions_write(struct cv_storage_root *root,
			      const struct cv_strings *names,
			      struct cv_text *stamp, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("imapc subscriptions");
	struct cv_strings there = { NULL, 0 };
	struct cv_text before;
	int ret;

	cv_text_init(&before, pool);
	ret = imapc_subscriptions_read(root, &before, pool, &there, err);
	if (ret == CV_CHANGED)
		ret = CV_OK;
	for (uint32_t i = 0; i < names->count && ret == CV_OK; i++) {
		if (!has_name(&there, names->items[i]))
			ret = name_command(root, "SUBSCRIBE",
					   cv_span_of(names->items[i]),
					   CV_SPAN_NONE, err);
	}
	for (uint32_t i = 0; i < there.count && ret == CV_OK; i++) {
		if (!has_name(names, there.items[i]))
			ret = name_command(root, "UNSUBSCRIBE",
					   cv_span_of(there.items[i]),
					   CV_SPAN_NONE, err);
	}
	if (ret == CV_OK) {
		cv_text_reset(stamp);
		ret = imapc_subscriptions_read(root, stamp, pool, &there,
					       err);
	}
	cv_api->pool_destroy(&pool);
	return ret == CV_CHANGED ? CV_OK : ret;
}
