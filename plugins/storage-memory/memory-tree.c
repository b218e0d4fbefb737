/* memory-tree.c - trees of folders.  A path is only a name here: roots that
 * were opened with the same one share a tree. */
#include "memory.h"

#include <stdlib.h>

static struct memory_tree *trees;

/* The end of memory ends the process, as it does in a pool. */
static char *copy_span(struct cv_span s)
{
	char *copy = malloc(s.len + 1);

	if (copy == NULL)
		abort();
	memcpy(copy, s.data, s.len);
	copy[s.len] = '\0';
	return copy;
}

static struct memory_tree *find_tree(const char *path)
{
	struct memory_tree *tree = trees;

	while (tree != NULL && strcmp(tree->path, path) != 0)
		tree = tree->next;
	return tree;
}

int memory_detect(const struct cv_storage_config *config)
{
	return find_tree(config->path) != NULL ? CV_OK : CV_NOT_FOUND;
}

static struct memory_tree *create_tree(const char *path)
{
	struct memory_tree *tree = calloc(1, sizeof(*tree));

	if (tree == NULL)
		abort();
	tree->path = copy_span(cv_span_of(path));
	cv_api->random(&tree->life, sizeof(tree->life));
	tree->life |= 1;
	/* so that a reference names one message, whatever the tree was
	 * before: room for 2^32 of them */
	tree->next_number = tree->life << 32;
	tree->next = trees;
	trees = tree;
	return tree;
}

int memory_root_open(const struct cv_storage_config *config,
		     struct cv_storage_root **root_r, struct cv_error *err)
{
	struct cv_storage_root *root;
	struct memory_tree *tree = find_tree(config->path);

	if (tree == NULL && !config->create)
		return CV_FAIL(err, CV_E_NOT_FOUND, "there is no tree '%s' "
			       "in memory", config->path);
	root = CV_ALLOC(config->pool, struct cv_storage_root);
	root->config = config;
	root->tree = tree != NULL ? tree : create_tree(config->path);
	*root_r = root;
	return CV_OK;
}

void memory_root_close(struct cv_storage_root **root)
{
	*root = NULL;	/* the tree stays */
}

char memory_separator(struct cv_storage_root *root)
{
	(void)root;
	return '/';
}

const char *memory_account_dir(struct cv_storage_root *root)
{
	(void)root;
	return "culver";
}

/* --- names ------------------------------------------------------------------- */

static const char *name_fault(struct cv_span name)
{
	struct cv_span rest = name, level;

	if (name.len == 0 || name.len > MEMORY_NAME_MAX)
		return "empty or too long";
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c < 0x20 || c == 0x7f)
			return "control character";
	}
	while (cv_span_split(&rest, '/', &level)) {
		if (level.len == 0)
			return "empty hierarchy level";
	}
	return name.data[name.len - 1] == '/' ? "empty hierarchy level" :
		NULL;
}

int memory_name_check(struct cv_storage_root *root, struct cv_span name,
		      struct cv_error *err)
{
	const char *fault = name_fault(name);

	(void)root;
	if (fault == NULL)
		return CV_OK;
	CV_FAIL(err, CV_E_PERM, "invalid mailbox name '%.*s': %s",
		CV_SPAN_ARG(name), fault);
	return cv_api->error_set_client(err, "Invalid mailbox name: %s",
					fault);
}

/* --- the set of folders ------------------------------------------------------- */

struct memory_folder *memory_folder_find(struct memory_tree *tree,
					 struct cv_span name)
{
	struct memory_folder *folder = tree->folders;

	while (folder != NULL && !cv_span_is(name, folder->name))
		folder = folder->next;
	return folder;
}

void memory_folder_unref(struct memory_folder *folder)
{
	if (--folder->refs > 0)
		return;
	while (folder->count > 0)
		memory_blob_drop(folder, &folder->blobs[folder->count - 1]);
	free(folder->blobs);
	free(folder->name);
	free(folder);
}

static void insert(struct memory_tree *tree, struct memory_folder *folder)
{
	struct memory_folder **at = &tree->folders;

	while (*at != NULL && strcmp((*at)->name, folder->name) < 0)
		at = &(*at)->next;
	folder->next = *at;
	*at = folder;
	tree->changes++;
}

static void take_out(struct memory_tree *tree, struct memory_folder *folder)
{
	struct memory_folder **at = &tree->folders;

	while (*at != folder)
		at = &(*at)->next;
	*at = folder->next;
	tree->changes++;
}

int memory_folders_check(struct cv_storage_root *root, struct cv_text *stamp,
			 struct cv_error *err)
{
	uint64_t now[2] = { root->tree->life, root->tree->changes };

	(void)err;
	if (stamp->len == sizeof(now) &&
	    memcmp(stamp->data, now, sizeof(now)) == 0)
		return CV_OK;
	cv_text_reset(stamp);
	cv_text_append(stamp, now, sizeof(now));
	return CV_CHANGED;
}

/* The levels above a folder that are none themselves; those that it shares
 * with the folder before were reported there. */
static int report_levels(struct memory_tree *tree,
			 const struct memory_folder *folder,
			 const char *before, struct cv_pool *pool,
			 cv_folder_fn *fn, void *context)
{
	int ret = CV_OK;

	for (size_t i = 0; folder->name[i] != '\0' && ret == CV_OK; i++) {
		struct cv_span level = cv_span(folder->name, i);
		struct cv_folder_found found = {
			CV_SIZED(cv_folder_found), .selectable = false,
		};

		if (folder->name[i] != '/' ||
		    strncmp(before, folder->name, i + 1) == 0 ||
		    memory_folder_find(tree, level) != NULL)
			continue;
		found.name = cv_span_copy(pool, level);
		ret = fn(context, &found);
	}
	return ret;
}

int memory_folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
			void *context, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("memory folders");
	const char *before = "";
	int ret = CV_OK;

	(void)err;
	for (struct memory_folder *folder = root->tree->folders;
	     folder != NULL && ret == CV_OK; folder = folder->next) {
		struct cv_folder_found found = {
			CV_SIZED(cv_folder_found), .selectable = true,
			.name = folder->name,
		};

		ret = report_levels(root->tree, folder, before, pool, fn,
				    context);
		if (ret == CV_OK)
			ret = fn(context, &found);
		before = folder->name;
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

int memory_folder_create(struct cv_storage_root *root, struct cv_span name,
			 struct cv_error *err)
{
	struct memory_folder *folder;

	if (memory_folder_find(root->tree, name) != NULL)
		return CV_FAIL(err, CV_E_EXISTS, "folder '%.*s' exists",
			       CV_SPAN_ARG(name));
	folder = calloc(1, sizeof(*folder));
	if (folder == NULL)
		abort();
	folder->name = copy_span(name);
	folder->refs = 1;
	insert(root->tree, folder);
	return CV_OK;
}

int memory_folder_remove(struct cv_storage_root *root, struct cv_span name,
			 struct cv_error *err)
{
	struct memory_folder *folder = memory_folder_find(root->tree, name);

	(void)err;
	if (folder == NULL)
		return CV_OK;
	take_out(root->tree, folder);
	folder->gone = true;
	memory_folder_unref(folder);
	return CV_OK;
}

int memory_folder_rename(struct cv_storage_root *root, struct cv_span name,
			 struct cv_span new_name, struct cv_error *err)
{
	struct memory_folder *folder = memory_folder_find(root->tree, name);

	if (folder == NULL)
		return CV_FAIL(err, CV_E_NOT_FOUND, "no folder '%.*s'",
			       CV_SPAN_ARG(name));
	if (memory_folder_find(root->tree, new_name) != NULL)
		return CV_FAIL(err, CV_E_EXISTS, "folder '%.*s' exists",
			       CV_SPAN_ARG(new_name));
	take_out(root->tree, folder);
	free(folder->name);
	folder->name = copy_span(new_name);
	insert(root->tree, folder);
	return CV_OK;
}

void memory_trees_free(void)
{
	while (trees != NULL) {
		struct memory_tree *tree = trees;

		while (tree->folders != NULL) {
			struct memory_folder *folder = tree->folders;

			tree->folders = folder->next;
			memory_folder_unref(folder);
		}
		trees = tree->next;
		free(tree->path);
		free(tree);
	}
}
