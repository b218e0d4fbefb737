/* maildir-file.c - what the names of files say. */
#include "maildir.h"

#include <unistd.h>

static const struct { char letter; uint32_t flag; } flag_letters[] = {
	/* in the order in which they stand in a name */
	{ 'D', CV_FLAG_DRAFT }, { 'F', CV_FLAG_FLAGGED },
	{ 'R', CV_FLAG_ANSWERED }, { 'S', CV_FLAG_SEEN },
	{ 'T', CV_FLAG_DELETED },
};
enum { FLAG_LETTERS = sizeof(flag_letters) / sizeof(flag_letters[0]) };

/* ",S=1234" within the base. */
static uint64_t size_field(struct cv_span base, char letter)
{
	for (size_t i = 0; i + 3 < base.len; i++) {
		size_t end = i + 3;
		uint64_t value;

		if (base.data[i] != ',' || base.data[i + 1] != letter ||
		    base.data[i + 2] != '=')
			continue;
		while (end < base.len && base.data[end] >= '0' &&
		       base.data[end] <= '9')
			end++;
		if (cv_span_to_u64(cv_span(base.data + i + 3, end - i - 3),
				   (uint64_t)1 << 50, &value))
			return value;
	}
	return 0;
}

uint64_t maildir_claimed_bytes(struct cv_span base)
{
	return size_field(base, 'S');
}

/* Is there room for ":2," behind it? */
static bool has_info(struct cv_span base)
{
	return base.len + 3 <= MAILDIR_NAME_MAX;
}

static void parse_info(struct cv_span info, struct maildir_file *file)
{
	char last = '\0';

	if (info.len < 2 || info.data[0] != '2' || info.data[1] != ',') {
		file->marks |= MAILDIR_ODD;
		return;
	}
	for (size_t i = 2; i < info.len; i++) {
		char c = info.data[i];
		size_t at = 0;

		if (c <= last)		/* not as we would write it */
			file->marks |= MAILDIR_ODD;
		last = c;
		while (at < FLAG_LETTERS && flag_letters[at].letter != c)
			at++;
		if (at < FLAG_LETTERS)
			file->flags |= flag_letters[at].flag;
		else if (c >= 'a' && c <= 'z')
			file->letters |= 1u << (c - 'a');
		else if (c == 'P')
			file->marks |= MAILDIR_PASSED;
		else
			file->marks |= MAILDIR_ODD;
	}
}

bool maildir_file_parse(const char *name, bool in_new,
			struct maildir_file *file_r)
{
	const char *colon = strchr(name, ':');

	*file_r = (struct maildir_file){ 0 };
	if (name[0] == '.' || name[0] == '\0' || colon == name)
		return false;
	file_r->base = colon == NULL ? cv_span_of(name) :
		cv_span(name, (size_t)(colon - name));
	if (file_r->base.len > MAILDIR_NAME_MAX)
		return false;
	file_r->bytes = size_field(file_r->base, 'S');
	file_r->virtual_bytes = size_field(file_r->base, 'W');
	if (colon != NULL)
		parse_info(cv_span_of(colon + 1), file_r);
	if (in_new) {
		file_r->marks |= MAILDIR_IN_NEW;
		if (colon != NULL)
			file_r->marks |= MAILDIR_ODD;
	} else if (colon == NULL && has_info(file_r->base)) {
		file_r->marks |= MAILDIR_ODD;
	}
	return true;
}

void maildir_file_create_base(struct cv_storage_root *root,
			      char dst[MAILDIR_NAME_MAX + 1])
{
	static unsigned int count;
	struct timespec now;
	uint32_t random;
	char host[65];
	size_t len = 0;

	for (const char *p = root->config->hostname;
	     *p != '\0' && len + 5 < sizeof(host); p++) {
		if (*p == '/' || *p == ':' || *p == ',')
			len += (size_t)snprintf(host + len, 5, "\\%03o",
						(unsigned char)*p);
		else if ((unsigned char)*p > 0x20 && *p != 0x7f)
			host[len++] = *p;
	}
	host[len] = '\0';
	clock_gettime(CLOCK_REALTIME, &now);
	cv_api->random(&random, sizeof(random));
	snprintf(dst, MAILDIR_NAME_MAX + 1, "%lld.M%ldP%ldQ%uR%08x.%s",
		 (long long)now.tv_sec, now.tv_nsec / 1000, (long)getpid(),
		 ++count, random, host);
}

static uint32_t keyword_letters(struct cv_storage_folder *folder,
				const struct cv_keywords *keywords, bool add)
{
	uint32_t letters = 0;

	for (uint32_t i = 0; keywords != NULL && i < keywords->count; i++) {
		int index = maildir_keyword_index(folder, keywords->names[i],
						  add);

		if (index >= 0)
			letters |= 1u << index;
	}
	return letters;
}

static bool append(char *dst, size_t *len, const char *data, size_t n)
{
	if (*len + n >= MAILDIR_PATH_MAX)
		return false;
	memcpy(dst + *len, data, n);
	*len += n;
	dst[*len] = '\0';
	return true;
}

/* What a name shows, with letters as bits. */
struct shown { uint32_t flags, letters, marks; };

/* How many letters of these there is room for is all that counts, so that the
 * same flags always give the same name: what another program changes in it can
 * be told from what never stood there. */
static struct shown fit(struct cv_span base, struct shown all)
{
	/* those that are missed most come first */
	static const uint32_t weighty[] = {
		CV_FLAG_SEEN, CV_FLAG_FLAGGED, CV_FLAG_DELETED,
		CV_FLAG_ANSWERED, CV_FLAG_DRAFT,
	};
	size_t room = has_info(base) ? MAILDIR_NAME_MAX - 3 - base.len : 0;
	struct shown s = { 0 };

	if ((all.marks & MAILDIR_PASSED) && room > 0) {
		s.marks = MAILDIR_PASSED;
		room--;
	}
	for (size_t i = 0; i < FLAG_LETTERS && room > 0; i++) {
		s.flags |= all.flags & weighty[i];
		room -= (all.flags & weighty[i]) != 0;
	}
	for (int i = 0; i < MAILDIR_KEYWORDS && room > 0; i++) {
		s.letters |= all.letters & 1u << i;
		room -= (all.letters & 1u << i) != 0;
	}
	return s;
}

bool maildir_file_path(struct cv_storage_folder *folder, struct cv_span base,
		       uint32_t flags, const struct cv_keywords *keywords,
		       uint32_t marks, bool add_keywords,
		       char dst[MAILDIR_PATH_MAX])
{
	char letters[FLAG_LETTERS + 1 + MAILDIR_KEYWORDS];
	size_t count = 0, len = 0;
	struct shown s;

	if (base.len == 0 || base.len > MAILDIR_NAME_MAX ||
	    memchr(base.data, '/', base.len) != NULL ||
	    memchr(base.data, '\0', base.len) != NULL)
		return false;	/* a damaged reference */
	if (marks & MAILDIR_IN_NEW)
		return append(dst, &len, "new/", 4) &&
			append(dst, &len, base.data, base.len);
	s = fit(base, (struct shown){
		flags, keyword_letters(folder, keywords, add_keywords), marks,
	});
	for (size_t i = 0; i < FLAG_LETTERS; i++) {
		/* P stands between F and R */
		if (flag_letters[i].letter == 'R' &&
		    (s.marks & MAILDIR_PASSED))
			letters[count++] = 'P';
		if (s.flags & flag_letters[i].flag)
			letters[count++] = flag_letters[i].letter;
	}
	for (int i = 0; i < MAILDIR_KEYWORDS; i++) {
		if (s.letters & 1u << i)
			letters[count++] = (char)('a' + i);
	}
	return append(dst, &len, "cur/", 4) &&
		append(dst, &len, base.data, base.len) &&
		(!has_info(base) || append(dst, &len, ":2,", 3)) &&
		append(dst, &len, letters, count);
}

void maildir_shown(struct cv_storage_folder *folder,
		   const struct cv_blob *blob, struct cv_pool *pool,
		   uint32_t *flags_r, struct cv_keywords *keywords_r)
{
	const struct cv_keywords *k = &blob->keywords;
	const char **names = CV_ALLOC_ARRAY(pool, const char *, k->count + 1);
	struct shown s = fit(blob->ref, (struct shown){
		blob->flags, keyword_letters(folder, k, false), blob->marks,
	});

	*flags_r = s.flags;
	*keywords_r = (struct cv_keywords){ names, 0 };
	for (uint32_t i = 0; i < k->count; i++) {
		int index = maildir_keyword_index(folder, k->names[i], false);

		if (index >= 0 && (s.letters & 1u << index))
			names[keywords_r->count++] = k->names[i];
	}
}

bool maildir_blob_path(struct cv_storage_folder *folder,
		       const struct cv_blob *blob,
		       char dst[MAILDIR_PATH_MAX])
{
	return maildir_file_path(folder, blob->ref, blob->flags,
				 &blob->keywords, blob->marks, false, dst);
}

bool maildir_file_shows(struct cv_storage_folder *folder, const char *path,
			const struct cv_blob *blob)
{
	struct maildir_file file;
	struct shown s = fit(blob->ref, (struct shown){
		blob->flags, keyword_letters(folder, &blob->keywords, false),
		blob->marks,
	});

	/* "cur/" or "new/" */
	return strlen(path) > 4 &&
		maildir_file_parse(path + 4, path[0] == 'n', &file) &&
		file.flags == s.flags && file.letters == s.letters;
}

bool maildir_hidden_path(struct cv_span base, char dst[MAILDIR_PATH_MAX])
{
	size_t len = 0;

	return base.len > 0 && base.len <= MAILDIR_NAME_MAX &&
		memchr(base.data, '/', base.len) == NULL &&
		memchr(base.data, '\0', base.len) == NULL &&
		append(dst, &len, "tmp/", 4) &&
		append(dst, &len, base.data, base.len);
}

static int search_dir(struct cv_storage_folder *folder, const char *name,
		      struct cv_span base, maildir_path_fn *fn, void *context,
		      struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_io_dir *dir = MD_CALL(root, dir_open, folder->fd, name);
	const char *entry;
	int ret = CV_OK;

	if (dir == NULL)
		return common_fail(err, "read", name);
	while (ret == CV_OK &&
	       (entry = MAILDIR_API(root)->dir_next(dir, NULL)) != NULL) {
		char path[MAILDIR_PATH_MAX];
		size_t len = 0;

		if (strncmp(entry, base.data, base.len) != 0 ||
		    (entry[base.len] != '\0' && entry[base.len] != ':'))
			continue;
		if (append(path, &len, name, 3) &&
		    append(path, &len, "/", 1) &&
		    append(path, &len, entry, strlen(entry)))
			ret = fn(context, path);
	}
	if (MAILDIR_API(root)->dir_close(&dir) < 0 && ret == CV_OK)
		return common_fail(err, "read", name);
	return ret;
}

int maildir_file_each(struct cv_storage_folder *folder, struct cv_span base,
		      maildir_path_fn *fn, void *context,
		      struct cv_error *err)
{
	int ret;

	if (base.len == 0 || memchr(base.data, '\0', base.len) != NULL)
		return CV_OK;
	/* from new to cur is the way of files: seek in that order */
	ret = search_dir(folder, "new", base, fn, context, err);
	return ret != CV_OK ? ret :
		search_dir(folder, "cur", base, fn, context, err);
}

static int take_path(void *context, const char *path)
{
	memcpy(context, path, strlen(path) + 1);
	return CV_CHANGED;	/* enough */
}

int maildir_file_search(struct cv_storage_folder *folder,
			struct cv_span base, char dst[MAILDIR_PATH_MAX],
			struct cv_error *err)
{
	int ret = maildir_file_each(folder, base, take_path, dst, err);

	return ret == CV_OK ? CV_NOT_FOUND : ret == CV_CHANGED ? CV_OK : ret;
}
