/* memory.h - what the files of this plugin share. */
#ifndef STORAGE_MEMORY_H
#define STORAGE_MEMORY_H

#include "cv-host.h"
#include "cv-plugin.h"
#include "cv-storage.h"
#include "cv-stream.h"
#include "cv-text.h"

#include <stdio.h>

enum {
	MEMORY_NAME_MAX = 1000,		/* bytes of a folder's name */
	MEMORY_REF_BYTES = 18,		/* "m." and 16 hex digits */
	MEMORY_HIDDEN_MSECS = 24 * 60 * 60 * 1000,
};

/* The bytes of a message; copies share them, and so does whoever reads. */
struct memory_bytes {
	struct memory_tree *tree;	/* that counts them */
	unsigned int refs;
	size_t len;
	char data[];
};

struct memory_blob {
	uint64_t number;		/* its reference */
	struct memory_bytes *bytes;
	bool hidden;
	uint64_t hidden_since;		/* monotonic milliseconds */
	/* what place, set_flags and adopted have said: for a takeover */
	uint32_t uid, flags;
	struct cv_pool *keywords_pool;	/* NULL: no keywords */
	struct cv_keywords keywords;
	uint64_t virtual_bytes;
	int64_t received;
	bool has_guid;
	uint8_t guid[16];
};

/* One folder; it outlives its removal as long as it is open. */
struct memory_folder {
	struct memory_folder *next;
	char *name;
	unsigned int refs;		/* its tree's, and one for each open */
	bool gone;
	uint32_t uidvalidity, uidnext;
	struct memory_blob *blobs;	/* by number */
	size_t count, room;
};

/* A tree: what all roots of one path share, as long as the plugin is there. */
struct memory_tree {
	struct memory_tree *next;
	char *path;
	uint64_t life;			/* no other tree had this number */
	uint64_t changes;		/* of the set of folders */
	uint64_t next_number;
	uint64_t used;			/* bytes of messages */
	struct memory_folder *folders;	/* by name */
};

struct cv_storage_root {
	const struct cv_storage_config *config;
	struct memory_tree *tree;
};

struct cv_storage_folder {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	struct memory_folder *folder;
	uint64_t life;			/* the state: of the last scan */
	bool state_changed;
};

extern struct cv_plugin *memory_self;
extern const struct cv_stream_api *memory_stream_api;

/* May a tree's bytes grow by so many?  CV_E_NO_SPACE. */
int memory_room(const struct memory_tree *tree, size_t more,
		struct cv_error *err);
struct memory_bytes *memory_bytes_create(struct memory_tree *tree,
					 const void *data, size_t len);
struct memory_bytes *memory_bytes_ref(struct memory_bytes *bytes);
void memory_bytes_unref(struct memory_bytes *bytes);

/* memory-tree.c */
/* Frees all trees: nobody has one open any more. */
void memory_trees_free(void);
int memory_detect(const struct cv_storage_config *config);
int memory_root_open(const struct cv_storage_config *config,
		     struct cv_storage_root **root_r, struct cv_error *err);
void memory_root_close(struct cv_storage_root **root);
char memory_separator(struct cv_storage_root *root);
const char *memory_account_dir(struct cv_storage_root *root);
int memory_name_check(struct cv_storage_root *root, struct cv_span name,
		      struct cv_error *err);
int memory_folders_check(struct cv_storage_root *root, struct cv_text *stamp,
			 struct cv_error *err);
int memory_folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
			void *context, struct cv_error *err);
int memory_folder_create(struct cv_storage_root *root, struct cv_span name,
			 struct cv_error *err);
int memory_folder_remove(struct cv_storage_root *root, struct cv_span name,
			 struct cv_error *err);
int memory_folder_rename(struct cv_storage_root *root, struct cv_span name,
			 struct cv_span new_name, struct cv_error *err);
struct memory_folder *memory_folder_find(struct memory_tree *tree,
					 struct cv_span name);
void memory_folder_unref(struct memory_folder *folder);

/* memory-folder.c */
int memory_folder_open(struct cv_storage_root *root, struct cv_span name,
		       struct cv_span state,
		       struct cv_storage_folder **folder_r,
		       struct cv_error *err);
void memory_folder_close(struct cv_storage_folder **folder);
bool memory_state(struct cv_storage_folder *folder, struct cv_text *dst);
void memory_state_set(struct cv_storage_folder *folder, struct cv_span state);
int memory_check(struct cv_storage_folder *folder, bool thorough,
		 uint32_t *scan_r, struct cv_error *err);
int memory_scan(struct cv_storage_folder *folder, uint32_t scan,
		cv_found_fn *fn, void *context, struct cv_error *err);
int memory_look(struct cv_storage_folder *folder, struct cv_found *found,
		struct cv_error *err);
bool memory_keyword_shown(struct cv_storage_folder *folder, const char *name);
bool memory_was_lost(struct cv_storage_folder *folder, uint64_t modseq);
int memory_recover(struct cv_storage_folder *folder,
		   const struct cv_blob *blob, struct cv_error *err);
int memory_sync(struct cv_storage_folder *folder, uint64_t modseq,
		struct cv_error *err);
int memory_takeover(struct cv_storage_folder *folder, bool head_only,
		    struct cv_pool *pool, struct cv_takeover *takeover_r,
		    struct cv_error *err);
void memory_clean(struct cv_storage_folder *folder);
void memory_numbers(struct cv_storage_folder *folder, uint32_t uidvalidity,
		    uint32_t uidnext);

/* memory-blob.c */
struct memory_blob *memory_blob_find(struct memory_folder *folder,
				     struct cv_span ref);
/* The reference; lives in pool. */
struct cv_span memory_blob_ref(const struct memory_blob *blob,
			       struct cv_pool *pool);
void memory_blob_drop(struct memory_folder *folder,
		      struct memory_blob *blob);
int memory_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
	       struct cv_blob_source *src_r, struct cv_error *err);
int memory_put_create(struct cv_storage_folder *folder, struct cv_pool *pool,
		      uint64_t bytes, uint64_t virtual_bytes,
		      struct cv_storage_put **put_r, struct cv_error *err);
int memory_put_write(struct cv_storage_put *put, const void *data,
		     size_t len, struct cv_error *err);
int memory_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		      int64_t received, bool sync, struct cv_span *ref_r,
		      struct cv_error *err);
void memory_put_abort(struct cv_storage_put **put);
void memory_marks(struct cv_storage_folder *folder, struct cv_blob *blobs,
		  uint32_t count);
void memory_place(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count);
int memory_lay_out(struct cv_storage_folder *folder,
		   const struct cv_blob *blob, struct cv_span body,
		   struct cv_error *err);
int memory_link(struct cv_storage_folder *folder,
		struct cv_storage_folder *from, const struct cv_blob *blob,
		struct cv_pool *pool, struct cv_span *ref_r,
		struct cv_error *err);
int memory_sync_hidden(struct cv_storage_folder *folder,
		       struct cv_error *err);
void memory_unlink_hidden(struct cv_storage_folder *folder,
			  struct cv_span ref);
int memory_set_flags(struct cv_storage_folder *folder,
		     struct cv_flag_update *updates, uint32_t count,
		     struct cv_error *err);
int memory_remove(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count,
		  struct cv_error *err);

#endif
