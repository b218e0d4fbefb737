/* mailbox-remote-annotations.c - the annotations of all that another user lets
 * us see, in one request.
 *
 * An answer is one record for each mailbox: its storage name, its GUID, and of
 * each entry under /shared its name and a u64, the hash of its value; an empty
 * name ends them. */
#include "mailbox-annotations.h"
#include "remote-call.h"

typedef ARRAY(struct remote_folder) folder_list;

/* folder NULL: they are passed over. */
static void take_entries(struct remote_reader *in,
			 const struct remote_folder *folder,
			 struct cv_pool *pool,
			 struct annotation_picture *picture)
{
	uint32_t count = 0;

	while (!in->failed) {
		struct cv_span entry = remote_get_span(in, ACCOUNT_KEY_MAX);
		struct annotation *item;
		uint64_t hash;

		if (in->failed || entry.len == 0)
			return;
		hash = remote_get_u64(in);
		if (++count > CV_METADATA_ENTRIES_MAX ||
		    !cv_span_begins(entry, CV_SPAN("/shared/"))) {
			in->failed = true;
			return;
		}
		if (folder == NULL)
			continue;
		item = array_add(&picture->items);
		item->guid = folder->guid;
		item->mailbox = folder->name;
		item->entry = pool_span(pool, entry);
		item->hash = hash;
	}
}

static void take_folder(struct remote *remote, struct remote_reader *in,
			struct cv_pool *pool,
			struct annotation_picture *picture,
			folder_list *folders)
{
	const char *stored = remote_get_str(in, REMOTE_NAME_MAX);
	struct cv_span guid = remote_get_span(in, 16);
	const char *name = mailbox_name_show(&remote->ns, stored, pool);
	struct remote_folder folder = { .name = name };

	if (guid.len != sizeof(folder.guid.bytes))
		in->failed = true;
	if (in->failed || *stored == '\0' || name == NULL) {
		take_entries(in, NULL, pool, picture);
		return;
	}
	memcpy(folder.guid.bytes, guid.data, guid.len);
	*array_add(folders) = folder;
	take_entries(in, &folder, pool, picture);
}

int remote_annotations(struct remote *remote, const uint64_t key[2],
		       struct cv_pool *pool,
		       struct annotation_picture *picture,
		       struct remote_folder **folders_r, uint32_t *count_r,
		       struct cv_error *err)
{
	struct remote_answer a = { .fd = -1 };
	struct cv_text fields;
	folder_list folders;
	int ret;

	*count_r = 0;
	*folders_r = NULL;
	cv_text_init(&fields, pool);
	remote_put_u64(&fields, key[0]);
	remote_put_u64(&fields, key[1]);
	ret = remote_call(remote, REMOTE_ANNOTATIONS, &fields, -1, pool, &a,
			  err);
	if (ret < 0)
		return ret;
	array_init(&folders, pool);
	while (!a.fields.failed && a.fields.rest.len > 0)
		take_folder(remote, &a.fields, pool, picture, &folders);
	*folders_r = folders.items;
	*count_r = (uint32_t)folders.count;
	return remote_end(remote, &a, err);
}
