/* pop3c-plugin.c - storage-pop3c: an INBOX that lies on a POP3 server, to be
 * read.  Flags are kept here.
 *
 * Trusts neither the server nor the network.  Runs inside the session, as the
 * user; the session may open connections because of it. */
#include "pop3c.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

struct cv_plugin *pop3c_self;
const struct cv_client_api *pop3c_client;
const struct cv_stream_api *pop3c_streams;

#define TEXT(member, doc) \
	CV_SETTING(pop3c_settings, member, CV_SET_STRING, "", NULL, \
		   CV_SET_EXPAND | CV_SET_PER_USER, doc)

static const struct cv_setting_def pop3c_setting_defs[] = {
	TEXT(pop3c_host, "Server that pop3c: means."),
	TEXT(pop3c_user, "User there; empty: the same."),
	TEXT(pop3c_master_user, "Who logs in for the user."),
	CV_SETTING(pop3c_settings, pop3c_password, CV_SET_STRING, "", NULL,
		   CV_SET_EXPAND | CV_SET_PER_USER | CV_SET_SECRET |
		   CV_SET_SESSION,
		   "Password there."),
	CV_SETTING(pop3c_settings, pop3c_port, CV_SET_UINT, "0", NULL,
		   CV_SET_PER_USER, "Port; 0: 110, with pop3s 995."),
	/* in the order of enum cv_client_tls */
	CV_SETTING(pop3c_settings, pop3c_ssl, CV_SET_ENUM, "no",
		   "no|pop3s|starttls", CV_SET_PER_USER, "TLS there."),
	CV_SETTING(pop3c_settings, pop3c_ssl_verify, CV_SET_BOOL, "yes",
		   NULL, CV_SET_PER_USER, "Its certificate must be good."),
};

struct cv_storage_folder {
	struct cv_storage_root *root;
	struct cv_pool *pool;
};

/* --- the tree: INBOX ----------------------------------------------------------- */

static int make_path(const struct cv_storage_config *config,
		     struct cv_error *err)
{
	const struct cv_io_api *io = config->io_api;

	if (io->mkdir(config->io, AT_FDCWD, config->path, 0700) < 0 &&
	    errno != EEXIST)
		return CV_FAIL(err, CV_E_TEMP, "cannot make '%s': %s",
			       config->path, strerror(errno));
	return CV_OK;
}

static int root_open(const struct cv_storage_config *config,
		     struct cv_storage_root **root_r, struct cv_error *err)
{
	const struct cv_user_api *users = cv_api->service("user", 1);
	struct cv_storage_root *root = CV_ALLOC(config->pool,
						struct cv_storage_root);
	int ret;

	root->config = config;
	root->set = users == NULL || config->user == NULL ? NULL :
		users->settings(config->user, pop3c_self);
	if (root->set == NULL || *root->set->pop3c_host == '\0')
		return CV_FAIL(err, CV_E_CONFIG, "pop3c: which server? "
			       "(hint: set pop3c_host)");
	root->user = *root->set->pop3c_user != '\0' ?
		root->set->pop3c_user : users->name(config->user);
	if (config->create && (ret = make_path(config, err)) < 0)
		return ret;
	root->pool = cv_api->pool_create("pop3c");
	*root_r = root;
	return CV_OK;
}

static void root_close(struct cv_storage_root **root)
{
	struct cv_storage_root *r = *root;

	*root = NULL;
	pop3c_disconnect(r);
	cv_api->pool_destroy(&r->pool);
}

static char separator(struct cv_storage_root *root)
{
	(void)root;
	return '/';
}

static const char *account_dir(struct cv_storage_root *root)
{
	const char *words[] = { root->set->pop3c_host, root->user };
	uint8_t id[16];
	struct cv_text name;

	pop3c_client->identify(id, words, 2);
	cv_text_init(&name, root->pool);
	cv_text_append_str(&name, "culver-");
	for (int i = 0; i < 8; i++)
		cv_text_append_f(&name, "%02x", id[i]);
	return cv_text_str(&name);
}

static int name_check(struct cv_storage_root *root, struct cv_span name,
		      struct cv_error *err)
{
	(void)root;
	if (cv_span_is(name, "INBOX"))
		return CV_OK;
	CV_FAIL(err, CV_E_PERM, "a POP3 server has only INBOX");
	if (err != NULL)
		(void)cv_api->error_set_client(err, "There is only INBOX "
					       "here.");
	return CV_E_PERM;
}

static int folders_check(struct cv_storage_root *root, struct cv_text *stamp,
			 struct cv_error *err)
{
	(void)root; (void)err;
	if (cv_span_is(cv_text_span(stamp), "INBOX"))
		return CV_OK;
	cv_text_reset(stamp);
	cv_text_append_str(stamp, "INBOX");
	return CV_CHANGED;
}

static int folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
			void *context, struct cv_error *err)
{
	struct cv_folder_found inbox = { CV_SIZED(cv_folder_found),
		.name = "INBOX", .selectable = true };

	(void)root; (void)err;
	return fn(context, &inbox);
}

static int read_only(struct cv_error *err)
{
	CV_FAIL(err, CV_E_DENIED, "mail of a POP3 server can only be read");
	if (err != NULL)
		(void)cv_api->error_set_client(err, "This mail can only be "
					       "read.");
	return CV_E_DENIED;
}

static int folder_create(struct cv_storage_root *root, struct cv_span name,
			 struct cv_error *err)
{
	(void)root;
	return cv_span_is(name, "INBOX") ?
		CV_FAIL(err, CV_E_EXISTS, "INBOX exists") : read_only(err);
}

static int folder_remove(struct cv_storage_root *root, struct cv_span name,
			 struct cv_error *err)
{
	(void)root; (void)name;
	return read_only(err);
}

static int folder_rename(struct cv_storage_root *root, struct cv_span name,
			 struct cv_span new_name, struct cv_error *err)
{
	(void)root; (void)name; (void)new_name;
	return read_only(err);
}

static int folder_open(struct cv_storage_root *root, struct cv_span name,
		       struct cv_span state,
		       struct cv_storage_folder **folder_r,
		       struct cv_error *err)
{
	struct cv_storage_folder *folder;
	struct cv_pool *pool;

	(void)state;
	if (!cv_span_is(name, "INBOX"))
		return CV_FAIL(err, CV_E_NOT_FOUND, "a POP3 server has only "
			       "INBOX");
	pool = cv_api->pool_create("pop3c folder");
	folder = CV_ALLOC(pool, struct cv_storage_folder);
	folder->root = root;
	folder->pool = pool;
	*folder_r = folder;
	return CV_OK;
}

static void folder_close(struct cv_storage_folder **folder)
{
	struct cv_pool *pool = *folder == NULL ? NULL : (*folder)->pool;

	*folder = NULL;
	if (pool != NULL)
		cv_api->pool_destroy(&pool);
}

/* --- what is there ------------------------------------------------------------- */

/* Anything: the folder was looked at once. */
static bool state(struct cv_storage_folder *folder, struct cv_text *dst)
{
	(void)folder;
	cv_text_append_str(dst, "pop3");
	return true;
}

static void state_set(struct cv_storage_folder *folder, struct cv_span s)
{
	(void)folder; (void)s;
}

static int check(struct cv_storage_folder *folder, bool thorough,
		 uint32_t *scan_r, struct cv_error *err)
{
	const struct cv_storage_root *root = folder->root;

	(void)err;
	*scan_r = CV_SCAN_ALL;
	return thorough && (root->listed_at == 0 ||
			    cv_api->monotonic_msecs() - root->listed_at >
			    POP3C_CHECK_MSECS) ? CV_CHANGED : CV_OK;
}

static int scan(struct cv_storage_folder *folder, uint32_t kind,
		cv_found_fn *fn, void *context, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	bool old = root->listed_at != 0 && cv_api->monotonic_msecs() -
		root->listed_at > POP3C_CHECK_MSECS;
	int ret = pop3c_list(root, old, err);

	(void)kind;
	for (uint32_t i = 0; i < root->count && ret == CV_OK; i++) {
		struct cv_found found = {
			CV_SIZED(cv_found), .received = INT64_MIN,
			.ref = cv_span_of(root->messages[i].id),
		};

		ret = fn(context, &found);
	}
	return ret;
}

/* When it came nobody says: now, for us. */
static int look(struct cv_storage_folder *folder, struct cv_found *found,
		struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	const struct pop3c_message *m = pop3c_find(root, found->ref);
	const char *words[] = { root->set->pop3c_host, root->user, NULL };

	(void)err;
	if (m == NULL)
		return CV_NOT_FOUND;
	words[2] = m->id;
	pop3c_client->identify(found->guid, words, 3);
	found->has_guid = true;
	found->bytes = found->virtual_bytes = m->size;
	found->received = (int64_t)time(NULL);
	return CV_OK;
}

static bool keyword_shown(struct cv_storage_folder *folder, const char *name)
{
	(void)folder; (void)name;
	return false;
}

static bool was_lost(struct cv_storage_folder *folder, uint64_t modseq)
{
	(void)folder; (void)modseq;
	return false;
}

static int recover(struct cv_storage_folder *folder,
		   const struct cv_blob *blob, struct cv_error *err)
{
	(void)err;
	return pop3c_find(folder->root, blob->ref) != NULL ? CV_OK :
		CV_NOT_FOUND;
}

static int sync_nothing(struct cv_storage_folder *folder, uint64_t modseq,
			struct cv_error *err)
{
	(void)folder; (void)modseq; (void)err;
	return CV_OK;
}

static int takeover(struct cv_storage_folder *folder, bool head_only,
		    struct cv_pool *pool, struct cv_takeover *takeover_r,
		    struct cv_error *err)
{
	(void)folder; (void)head_only; (void)pool; (void)takeover_r;
	(void)err;
	return CV_NOT_FOUND;
}

struct body { struct cv_pool *pool; struct cv_text text; };

static int read_body(void *context, uint64_t offset, void *data, size_t len,
		     size_t *got_r, struct cv_error *err)
{
	const struct body *body = context;

	(void)err;
	if (offset >= body->text.len)
		return CV_EOF;
	if (len > body->text.len - offset)
		len = body->text.len - (size_t)offset;
	memcpy(data, body->text.data + offset, len);
	*got_r = len;
	return CV_OK;
}

static void body_done(void *context)
{
	struct body *body = context;
	struct cv_pool *pool = body->pool;

	cv_api->pool_destroy(&pool);
}

static int get(struct cv_storage_folder *folder, const struct cv_blob *blob,
	       struct cv_blob_source *src_r, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("pop3c message");
	struct body *body = CV_ALLOC(pool, struct body);
	int ret;

	body->pool = pool;
	cv_text_init(&body->text, pool);
	ret = pop3c_read(folder->root, blob->ref, &body->text, err);
	if (ret != CV_OK) {
		cv_api->pool_destroy(&pool);
		return ret;
	}
	src_r->fd = -1;
	src_r->offset = 0;
	src_r->len = body->text.len;
	src_r->stream = pop3c_streams->from_reader(
		src_r->pool, body->text.len, read_body, body_done, body);
	src_r->wrong_size = CV_WRONG_SIZE_CORRECT;
	return CV_OK;
}

/* --- what cannot be -------------------------------------------------------------- */

static int put_create(struct cv_storage_folder *folder, struct cv_pool *pool,
		      uint64_t bytes, uint64_t virtual_bytes,
		      struct cv_storage_put **put_r, struct cv_error *err)
{
	(void)folder; (void)pool; (void)bytes; (void)virtual_bytes;
	*put_r = NULL;
	return read_only(err);
}

static int put_write(struct cv_storage_put *put, const void *data, size_t len,
		     struct cv_error *err)
{
	(void)put; (void)data; (void)len;
	return read_only(err);
}

static int put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		      int64_t received, bool sync, struct cv_span *ref_r,
		      struct cv_error *err)
{
	(void)put; (void)virtual_bytes; (void)received; (void)sync;
	(void)ref_r;
	return read_only(err);
}

static void put_abort(struct cv_storage_put **put)
{
	*put = NULL;
}

static void marks(struct cv_storage_folder *folder, struct cv_blob *blobs,
		  uint32_t count)
{
	(void)folder;
	for (uint32_t i = 0; i < count; i++)
		blobs[i].marks = 0;
}

static void place(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count)
{
	(void)folder; (void)blobs; (void)count;
}

static int lay_out(struct cv_storage_folder *folder,
		   const struct cv_blob *blob, struct cv_span body,
		   struct cv_error *err)
{
	(void)folder; (void)blob; (void)body; (void)err;
	return CV_OK;
}

static int link_never(struct cv_storage_folder *folder,
		      struct cv_storage_folder *from,
		      const struct cv_blob *blob, struct cv_pool *pool,
		      struct cv_span *ref_r, struct cv_error *err)
{
	(void)folder; (void)from; (void)blob; (void)pool; (void)ref_r;
	return read_only(err);
}

static int sync_hidden(struct cv_storage_folder *folder, struct cv_error *err)
{
	(void)folder; (void)err;
	return CV_OK;
}

static void unlink_hidden(struct cv_storage_folder *folder,
			  struct cv_span ref)
{
	(void)folder; (void)ref;
}

/* The journal keeps them. */
static int set_flags(struct cv_storage_folder *folder,
		     struct cv_flag_update *updates, uint32_t count,
		     struct cv_error *err)
{
	(void)folder; (void)err;
	for (uint32_t i = 0; i < count; i++)
		updates[i].status = CV_OK;
	return CV_OK;
}

static int remove_never(struct cv_storage_folder *folder,
			const struct cv_blob *blobs, uint32_t count,
			struct cv_error *err)
{
	(void)folder; (void)blobs; (void)count;
	return read_only(err);
}

static const struct cv_storage pop3c_storage = {
	CV_SIZED(cv_storage),
	.name = "pop3c",
	.caps = CV_STORAGE_ORDERED | CV_STORAGE_READONLY,
	.default_path = "~/pop3c",
	.root_open = root_open,
	.root_close = root_close,
	.separator = separator,
	.account_dir = account_dir,
	.name_check = name_check,
	.folders_check = folders_check,
	.folders_scan = folders_scan,
	.folder_create = folder_create,
	.folder_remove = folder_remove,
	.folder_rename = folder_rename,
	.folder_open = folder_open,
	.folder_close = folder_close,
	.state = state,
	.state_set = state_set,
	.check = check,
	.scan = scan,
	.look = look,
	.keyword_shown = keyword_shown,
	.was_lost = was_lost,
	.recover = recover,
	.sync = sync_nothing,
	.takeover = takeover,
	.get = get,
	.put_create = put_create,
	.put_write = put_write,
	.put_finish = put_finish,
	.put_abort = put_abort,
	.marks = marks,
	.place = place,
	.lay_out = lay_out,
	.link = link_never,
	.sync_hidden = sync_hidden,
	.unlink_hidden = unlink_hidden,
	.set_flags = set_flags,
	.remove = remove_never,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	pop3c_self = self;
	pop3c_client = cv_need_service("client", 1, err);
	pop3c_streams = pop3c_client == NULL ? NULL :
		cv_need_service("stream", 1, err);
	if (pop3c_streams == NULL)
		return CV_E_UNSUPPORTED;
	return cv_provide_storage(self, &pop3c_storage, err);
}

/* To find the server, and to know whom to believe. */
static const char *const paths[] = {
	"/etc/hosts", "/etc/resolv.conf", "/etc/host.conf", "/etc/gai.conf",
	"/etc/services", "/etc/ssl", "/usr/share/ca-certificates",
	"/run/systemd/resolve", NULL,
};

CV_PLUGIN_DEFINE("storage-pop3c", 0,
	.license = "MIT", .version = "1.0",
	.summary = "An INBOX on a POP3 server",
	.flags = CV_PLUGIN_CONNECTS,
	.paths = paths,
	.settings = CV_ARRAY(pop3c_setting_defs),
	.settings_bytes = sizeof(struct pop3c_settings),
	.init = init);
