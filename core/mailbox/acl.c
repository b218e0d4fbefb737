/* acl.c - rights, identifiers and lists of them [RFC4314]. */
#include "acl.h"

/* In the order of enum acl_right.  The names are those of Dovecot's files,
 * behind ':'. */
static const struct { char letter; const char *name; uint32_t right; }
rights_table[] = {
	{ 'l', "lookup", ACL_LOOKUP },
	{ 'r', "read", ACL_READ },
	{ 'w', "write", ACL_WRITE },
	{ 's', "write-seen", ACL_SEEN },
	{ 't', "write-deleted", ACL_DELETED },
	{ 'i', "insert", ACL_INSERT },
	{ 'p', "post", ACL_POST },
	{ 'e', "expunge", ACL_EXPUNGE },
	{ 'k', "create", ACL_CREATE },
	{ 'x', "delete", ACL_DELETE },
	{ 'a', "admin", ACL_ADMIN },
};
enum { RIGHTS = sizeof(rights_table) / sizeof(rights_table[0]) };

static const struct { const char *name; uint32_t kind; bool has_name; }
kinds_table[] = {
	{ "anyone", ACL_ANYONE, false },
	{ "authenticated", ACL_AUTHENTICATED, false },
	{ "group=", ACL_GROUP, true },
	{ "owner", ACL_OWNER, false },
	{ "user=", ACL_USER, true },
	{ "group-override=", ACL_GROUP_OVERRIDE, true },
};

/* --- rights ------------------------------------------------------------------- */

int acl_rights_parse(struct cv_span letters, uint32_t *rights_r,
		     struct cv_error *err)
{
	*rights_r = 0;
	for (size_t i = 0; i < letters.len; i++) {
		char c = letters.data[i];
		size_t at = 0;

		while (at < RIGHTS && rights_table[at].letter != c)
			at++;
		/* [RFC4314 2.1.1] of the two readings that are allowed, the
		 * one in which "create" has "x" */
		if (at < RIGHTS)
			*rights_r |= rights_table[at].right;
		else if (c == 'c')
			*rights_r |= ACL_CREATE | ACL_DELETE;
		else if (c == 'd')
			*rights_r |= ACL_EXPUNGE | ACL_DELETED;
		/* [RFC5257 3.4] tied to "w" [RFC4314 3.7] */
		else if (c == 'n')
			*rights_r |= ACL_WRITE;
		else
			return FAIL(err, CV_E_SYNTAX, "there is no right "
				    "'%c'", c > 0x20 && c < 0x7f ? c : '?');
	}
	return CV_OK;
}

void acl_rights_format(struct cv_text *dst, uint32_t rights, bool obsolete)
{
	for (size_t i = 0; i < RIGHTS; i++) {
		if (rights & rights_table[i].right)
			cv_text_append_c(dst, rights_table[i].letter);
	}
	if (obsolete && (rights & ACL_WRITE))
		cv_text_append_c(dst, 'n');
	/* [RFC4314 2.1.1] any member right brings the old one */
	if (obsolete && (rights & (ACL_CREATE | ACL_DELETE)))
		cv_text_append_c(dst, 'c');
	if (obsolete && (rights & (ACL_EXPUNGE | ACL_DELETED)))
		cv_text_append_c(dst, 'd');
}

static int named_right(struct cv_span name, uint32_t *rights,
		       struct cv_error *err)
{
	for (size_t i = 0; i < RIGHTS; i++) {
		if (cv_span_is(name, rights_table[i].name)) {
			*rights |= rights_table[i].right;
			return CV_OK;
		}
	}
	return FAIL(err, CV_E_SYNTAX, "there is no right '%.*s'",
		    CV_SPAN_ARG(name));
}

int acl_rights_parse_word(struct cv_span word, uint32_t *rights_r,
			  struct cv_error *err)
{
	*rights_r = 0;
	if (cv_span_is(word, "all"))
		*rights_r = ACL_ALL;
	else if (named_right(word, rights_r, NULL) < 0 &&
		 acl_rights_parse(word, rights_r, NULL) < 0)
		return FAIL(err, CV_E_SYNTAX, "'%.*s' is no right, nor "
			    "letters that stand for some (hint: lookup, read, "
			    "insert, ..., all)", CV_SPAN_ARG(word));
	return CV_OK;
}

void acl_rights_format_names(struct cv_text *dst, uint32_t rights)
{
	bool first = true;

	for (size_t i = 0; i < RIGHTS; i++) {
		if (!(rights & rights_table[i].right))
			continue;
		if (!first)
			cv_text_append_c(dst, ' ');
		cv_text_append_str(dst, rights_table[i].name);
		first = false;
	}
}

/* --- identifiers ---------------------------------------------------------------- */

static bool is_good_name(struct cv_span name)
{
	for (size_t i = 0; i < name.len; i++) {
		if ((unsigned char)name.data[i] < 0x20 ||
		    name.data[i] == 0x7f)
			return false;
	}
	return name.len > 0 && name.len <= ACL_NAME_MAX;
}

static struct cv_span split_kind(struct cv_span text, uint32_t *kind_r)
{
	for (size_t i = 0; i < ACL_KINDS; i++) {
		struct cv_span word = cv_span_of(kinds_table[i].name);

		if (kinds_table[i].has_name ? cv_span_begins(text, word) :
		    cv_span_equal(text, word)) {
			*kind_r = kinds_table[i].kind;
			return cv_span_skip(text, word.len);
		}
	}
	*kind_r = ACL_USER;
	if (cv_span_begins(text, CV_SPAN("$"))) {
		*kind_r = ACL_GROUP;
		return cv_span_skip(text, 1);
	}
	if (cv_span_begins(text, CV_SPAN("!$"))) {
		*kind_r = ACL_GROUP_OVERRIDE;
		return cv_span_skip(text, 2);
	}
	return text;
}

int acl_identifier_parse(struct cv_span text, struct cv_pool *pool,
			 struct acl_entry *entry_r, struct cv_error *err)
{
	struct cv_span name;

	*entry_r = (struct acl_entry){ .name = "" };
	if (cv_span_begins(text, CV_SPAN("-"))) {
		entry_r->negative = true;
		text = cv_span_skip(text, 1);
	}
	if (cv_span_begins(text, CV_SPAN("#"))) {
		entry_r->global = true;
		text = cv_span_skip(text, 1);
	}
	name = split_kind(text, &entry_r->kind);
	if (!kinds_table[entry_r->kind].has_name)
		return CV_OK;
	if (!is_good_name(name))
		return FAIL(err, CV_E_SYNTAX, "an identifier has no name that "
			    "a user or a group may have");
	entry_r->name = pool_copy(pool, name.data, name.len);
	return CV_OK;
}

void acl_identifier_format(struct cv_text *dst, const struct acl_entry *entry,
			   bool client)
{
	const char *word = kinds_table[entry->kind].name;

	if (entry->negative)
		cv_text_append_c(dst, '-');
	if (entry->global)
		cv_text_append_c(dst, '#');
	if (client && entry->kind == ACL_GROUP)
		word = "$";
	else if (client && entry->kind == ACL_GROUP_OVERRIDE)
		word = "!$";
	else if (client && entry->kind == ACL_USER)
		word = "";
	cv_text_append_str(dst, word);
	cv_text_append_str(dst, entry->name);
}

/* --- lists ---------------------------------------------------------------------- */

void acl_init(struct acl *acl, struct cv_pool *pool)
{
	*acl = (struct acl){ .pool = pool };
}

struct acl_entry *acl_find(struct acl *acl, const struct acl_entry *like)
{
	for (size_t i = 0; i < acl->count; i++) {
		struct acl_entry *entry = &acl->entries[i];

		if (entry->kind == like->kind &&
		    entry->negative == like->negative &&
		    entry->global == like->global &&
		    strcmp(entry->name, like->name) == 0)
			return entry;
	}
	return NULL;
}

static int add_entry(struct acl *acl, const struct acl_entry *entry,
		     struct cv_error *err)
{
	struct acl_entry *added;

	if (acl->count >= ACL_ENTRIES_MAX)
		return FAIL(err, CV_E_LIMIT, "more than %d entries",
			    ACL_ENTRIES_MAX);
	array_reserve_((void **)&acl->entries, acl->count, &acl->room,
		       sizeof(*acl->entries), acl->pool);
	added = &acl->entries[acl->count++];
	*added = *entry;
	added->name = pool_strdup(acl->pool, entry->name);
	return CV_OK;
}

int acl_set(struct acl *acl, const struct acl_entry *entry,
	    struct cv_error *err)
{
	struct acl_entry *old = acl_find(acl, entry);

	if (entry->negative && entry->rights == 0) {
		(void)acl_remove(acl, entry);
		return CV_OK;
	}
	if (old == NULL)
		return add_entry(acl, entry, err);
	old->rights = entry->rights;
	return CV_OK;
}

bool acl_remove(struct acl *acl, const struct acl_entry *like)
{
	struct acl_entry *old = acl_find(acl, like);

	if (old == NULL)
		return false;
	acl->count--;
	memmove(old, old + 1, (size_t)((char *)(acl->entries + acl->count) -
				       (char *)old));
	return true;
}

int acl_take_word(struct cv_span *line, struct cv_text *dst,
		  struct cv_error *err)
{
	size_t at = 1;

	if (line->len == 0 || line->data[0] != '"') {
		for (at = 0; at < line->len && line->data[at] != ' ' &&
		     line->data[at] != '\t'; at++)
			cv_text_append_c(dst, line->data[at]);
		*line = cv_span_trim(cv_span_skip(*line, at));
		return CV_OK;
	}
	while (at < line->len && line->data[at] != '"') {
		if (line->data[at] == '\\' && at + 1 < line->len)
			at++;
		cv_text_append_c(dst, line->data[at++]);
	}
	if (at == line->len)
		return FAIL(err, CV_E_SYNTAX, "a '\"' is missing");
	*line = cv_span_trim(cv_span_skip(*line, at + 1));
	return CV_OK;
}

int acl_parse_line(struct acl *acl, struct cv_span line, struct cv_error *err)
{
	struct cv_span rest = line, letters = CV_SPAN(""), name;
	struct acl_entry entry, *old;
	struct cv_text identifier;
	int ret;

	cv_text_init(&identifier, acl->pool);
	ret = acl_take_word(&rest, &identifier, err);
	if (ret == CV_OK)
		ret = acl_identifier_parse(cv_text_span(&identifier),
					   acl->pool, &entry, err);
	if (ret == CV_OK && entry.global && !acl->shows_global)
		ret = FAIL(err, CV_E_SYNTAX, "only the administrator's "
			   "files have global entries");
	if (ret < 0)
		return ret;
	(void)cv_span_split(&rest, ':', &letters);
	ret = acl_rights_parse(cv_span_trim(letters), &entry.rights, err);
	while (ret == CV_OK && rest.data != NULL &&
	       cv_span_split(&rest, ' ', &name)) {
		name = cv_span_trim(name);
		if (name.len > 0)
			ret = named_right(name, &entry.rights, err);
	}
	if (ret < 0)
		return ret;
	old = acl_find(acl, &entry);
	if (old == NULL)
		return add_entry(acl, &entry, err);
	old->rights |= entry.rights;
	return CV_OK;
}

int acl_parse(struct acl *acl, struct cv_span text, struct cv_error *err)
{
	struct cv_span rest = text, line;
	int number = 0, ret = CV_OK;

	if (text.len > ACL_TEXT_MAX)
		return FAIL(err, CV_E_LIMIT, "longer than %d bytes",
			    ACL_TEXT_MAX);
	if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
		return FAIL(err, CV_E_SYNTAX, "it has a NUL");
	while (ret == CV_OK && rest.len > 0 &&
	       cv_span_split(&rest, '\n', &line)) {
		number++;
		line = cv_span_trim(line);
		if (line.len > 0 && line.data[0] != '#')
			ret = acl_parse_line(acl, line, err);
	}
	if (ret < 0 && err != NULL)
		(void)error_prefix(err, "line %d", number);
	return ret;
}

static void append_quoted(struct cv_text *dst, struct cv_span word)
{
	bool plain = word.len > 0 && word.data[0] != '#';

	for (size_t i = 0; i < word.len && plain; i++)
		plain = strchr(" \t\"\\", word.data[i]) == NULL;
	if (plain) {
		cv_text_append_span(dst, word);
		return;
	}
	cv_text_append_c(dst, '"');
	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] == '"' || word.data[i] == '\\')
			cv_text_append_c(dst, '\\');
		cv_text_append_c(dst, word.data[i]);
	}
	cv_text_append_c(dst, '"');
}

void acl_format(const struct acl *acl, struct cv_text *dst)
{
	struct cv_pool *pool = pool_create("acl");
	struct cv_text identifier;

	cv_text_init(&identifier, pool);
	for (size_t i = 0; i < acl->count; i++) {
		cv_text_reset(&identifier);
		acl_identifier_format(&identifier, &acl->entries[i], false);
		append_quoted(dst, cv_text_span(&identifier));
		cv_text_append_c(dst, ' ');
		acl_rights_format(dst, acl->entries[i].rights, false);
		cv_text_append_c(dst, '\n');
	}
	pool_destroy(&pool);
}

/* --- what somebody may do ---------------------------------------------------------- */

static bool is_member(const struct acl_who *who, const char *group)
{
	for (uint32_t i = 0; i < who->groups.count; i++) {
		if (strcmp(who->groups.items[i], group) == 0)
			return true;
	}
	return false;
}

static bool is_meant(const struct acl_entry *entry, const struct acl_who *who)
{
	switch (entry->kind) {
	case ACL_ANYONE:
		return true;
	case ACL_AUTHENTICATED:
		return who->user[0] != '\0';
	case ACL_OWNER:
		return who->owner;
	case ACL_USER:
		return strcmp(entry->name, who->user) == 0;
	default:
		return is_member(who, entry->name);
	}
}

static uint32_t rights_of(const struct acl *acl, const struct acl_who *who,
			  bool global, uint32_t rights)
{
	for (uint32_t kind = 0; kind < ACL_KINDS; kind++) {
		uint32_t given = 0, taken = 0;
		bool found = false;

		for (size_t i = 0; i < acl->count; i++) {
			const struct acl_entry *entry = &acl->entries[i];

			if (entry->kind != kind || entry->global != global ||
			    !is_meant(entry, who))
				continue;
			found = found || !entry->negative;
			*(entry->negative ? &taken : &given) |=
				entry->rights;
		}
		/* whose mailbox it is has all, unless the list says what */
		if (kind == ACL_OWNER && who->owner && !found && !global) {
			found = true;
			given = ACL_ALL;
		}
		if (found)
			rights = given;
		rights &= ~taken;
	}
	return rights;
}

uint32_t acl_rights(const struct acl *acl, const struct acl_who *who)
{
	return rights_of(acl, who, false, 0);
}

uint32_t acl_rights_global(const struct acl *acl, const struct acl_who *who,
			   uint32_t rights)
{
	return rights_of(acl, who, true, rights);
}
