/* dovecot-tree.h - dbox-fixture.h on a tree of mdbox as Dovecot leaves it,
 * written by core/sync: INBOX with the mails 1 to 6 and "other" with 7 and 8,
 * all in storage/m.1. */
#ifndef DOVECOT_TREE_H
#define DOVECOT_TREE_H

#include "dbox-fixture.h"
#include "sync/sync-side.h"

enum { TREE_INBOX = 6, TREE_ALL = 8 };

static inline void tree_text(int number, char dst[100])
{
	snprintf(dst, 100, "Subject: x\r\n\r\nthis is body %d.\r\n", number);
}

static inline void tree_box(struct fixture *f, struct sync_side *side,
			    const char *name, int first, int last)
{
	struct sync_box box = { .name = name, .uidvalidity = 77 }, opened;
	uint32_t uids[TREE_ALL];

	box.guid[0] = (uint8_t)(first + 0x40);
	ok(f, side->ops->create(side, &box, &f->err));
	ok(f, side->ops->open(side, name, &opened, &f->err));
	for (int i = first; i <= last; i++) {
		struct sync_row row = { .received = 1000000 + i };
		char text[100];

		row.guid[0] = (uint8_t)i;
		tree_text(i, text);
		ok(f, side->ops->save_add(side, &row, &f->err));
		ok(f, side->ops->save_write(side, cv_span_of(text), &f->err));
	}
	ok(f, side->ops->save_commit(side, uids, (uint32_t)(last - first + 1),
				     &f->err));
}

static inline void tree_path(const struct fixture *f, const char *path,
			     char dst[200])
{
	snprintf(dst, 200, "%s/home/Maildir/%s", f->dir, path);
}

/* Nobody is logged in afterwards. */
static inline void tree_init(struct fixture *f)
{
	struct sync_words words;
	struct sync_side *side;
	char path[200];

	dbox_init(f, "mdbox", ":ALT=~/alt");
	fixture_logout(f);
	tree_path(f, "", path);
	path[strlen(path) - 1] = '\0';
	nftw(path, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	ok(f, sync_dovecot_open(path, true, "tree", &side, &f->err));
	sync_words_init(&words, f->pool);
	side->words = &words;
	tree_box(f, side, "INBOX", 1, TREE_INBOX);
	tree_box(f, side, "other", TREE_INBOX + 1, TREE_ALL);
	ok(f, side->ops->done(side, true, &f->err));
	side->ops->close(&side);
}

/* The index that Dovecot has of one of them. */
static inline void tree_lose(const struct fixture *f, const char *index)
{
	char name[100], path[200];

	for (int log = 0; log < 2; log++) {
		snprintf(name, sizeof(name), "%s%s", index, log ? ".log" : "");
		tree_path(f, name, path);
		assert_int_equal(unlink(path), 0);
	}
}

#endif
