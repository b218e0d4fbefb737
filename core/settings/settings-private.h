/* settings-private.h - the inside of a tree, for the files of this folder. */
#ifndef SETTINGS_PRIVATE_H
#define SETTINGS_PRIVATE_H

#include "settings.h"
#include "settings-registry.h"

enum {
	SETTINGS_DEPTH_MAX = 16,	/* blocks inside blocks */
	SETTINGS_INCLUDE_DEPTH_MAX = 16,
	SETTINGS_FILES_MAX = 2000,	/* included in one run */
	SETTINGS_FILE_BYTES_MAX = 4 * 1024 * 1024,
	SETTINGS_TOTAL_BYTES_MAX = 32 * 1024 * 1024,
	/* of all values that are put together from $names */
	SETTINGS_VALUE_BYTES_MAX = 8 * 1024 * 1024,
	SETTINGS_BLOCKS_MAX = 10000,
	SETTINGS_FILTERS_MAX = 10000,
	SETTINGS_PROBLEMS_MAX = 200,	/* then "and more" */
};

#define SETTINGS_NONE UINT32_MAX

struct settings_net {
	struct settings_ip ip;
	uint8_t bits;
};

/* A conjunction: what is NULL or of family 0 is not asked.  Number 0 matches
 * everything. */
struct settings_filter {
	uint32_t parent;		/* the filter around it, 0: none */
	const char *kind, *name;	/* its own part: "protocol", "imap" */
	const char *protocol;		/* "imap", "!imap" */
	const char *local_name;		/* "a.example *.b.example" */
	struct settings_net local, remote;
	uint32_t rank;			/* the larger wins */
};

struct settings_block_node {
	uint32_t parent;
	const char *kind;	/* path: "service/unix_listener"; root: "" */
	const char *name;
	bool is_plugin;
};

enum {
	ENTRY_MARK = 1,		/* key "": the block itself, opened here */
	ENTRY_BUILTIN = 2,	/* from settings_register_defaults */
	ENTRY_FROM_FILE = 4,	/* raw is "<path" */
	ENTRY_LAZY = 8,		/* raw has $names to be put in at the end */
	ENTRY_SECRET = 16,
	ENTRY_SESSION = 64,	/* a secret that sessions are given */
	ENTRY_OVERRIDE = 32,	/* -o: wins over all that is in files */
};

struct settings_entry {
	uint32_t block, filter;
	uint32_t file, line;	/* file: index of tree->files */
	uint32_t flags;
	uint32_t next;		/* of lower rank, same block and key */
	const char *key, *value;
	const char *raw;	/* as written, when it is not value */
	const struct cv_setting_def *def;	/* NULL: not declared */
};

struct settings_tree {
	struct cv_pool *pool;
	ARRAY(const char *) files;
	ARRAY(struct settings_filter) filters;
	ARRAY(struct settings_block_node) blocks;
	ARRAY(struct settings_entry) entries;
	ARRAY(struct settings_problem) problems;
	/* (block, key) -> number of the first entry + 1; open addressing,
	 * room is a power of two */
	uint32_t *heads;
	uint32_t heads_room, heads_count;
	uint32_t errors;
	size_t value_bytes;	/* against SETTINGS_VALUE_BYTES_MAX */
};

/* settings-tree.c */
struct settings_tree *settings_tree_create(void);
uint32_t settings_tree_file(struct settings_tree *tree, const char *name);
/* Enters the last added entry into the index; it takes the place of an entry
 * with the same filter. */
void settings_tree_index(struct settings_tree *tree, uint32_t entry);
/* The first entry of that block and key in the order of rank;
 * SETTINGS_NONE. */
uint32_t settings_tree_chain(const struct settings_tree *tree, uint32_t block,
			     struct cv_span key);
/* The entry that counts in scope (NULL: global). */
const struct settings_entry *
settings_tree_effective(const struct settings_tree *tree, uint32_t block,
			struct cv_span key, const struct settings_scope *scope);
/* The block of that kind path and name, or SETTINGS_NONE. */
uint32_t settings_tree_block(const struct settings_tree *tree, uint32_t parent,
			     const char *kind, struct cv_span name);
uint32_t settings_tree_block_add(struct settings_tree *tree, uint32_t parent,
				 const char *kind, const char *name);
/* The block of plugin { }; SETTINGS_NONE when there is none. */
uint32_t settings_tree_plugin(const struct settings_tree *tree);

/* settings-filter.c */
/* Adds or finds the filter of kind and name inside parent.  CV_E_CONFIG: name
 * is not valid. */
int settings_filter_add(struct settings_tree *tree, uint32_t parent,
			const char *kind, const char *name,
			uint32_t *filter_r, struct cv_error *err);
bool settings_filter_matches(const struct settings_filter *filter,
			     const struct settings_scope *scope);
bool settings_is_filter_kind(struct cv_span kind);
uint32_t settings_filter_rank(const struct settings_filter *filter);

/* plugin-keys.c: the plugin of Dovecot that reads such a name in plugin { };
 * NULL: none is known. */
const char *settings_plugin_owner(struct cv_span key);

#endif
