/* imap-annotate.h - annotations of messages [RFC5257]: what commands name, and
 * what is told. */
#ifndef IMAP_ANNOTATE_H
#define IMAP_ANNOTATE_H

#include "imap-session.h"

/* What a FETCH asks for: of these entries these attributes, as bits. */
struct imap_annotation_item {
	const struct cv_span *entries;	/* patterns */
	uint32_t entry_count;
	uint8_t attributes[4];		/* enum imap_annotation_attribute */
	uint32_t attribute_count;
};

enum imap_annotation_attribute {
	IMAP_VALUE_PRIV = 1, IMAP_VALUE_SHARED, IMAP_SIZE_PRIV,
	IMAP_SIZE_SHARED,
};

/* "(entries attributes)" [RFC5257 5 fetch-att]; false after setting BAD. */
bool imap_annotation_item_parse(struct imap_cmd *cmd,
				const struct imap_arg *arg,
				struct imap_args *list,
				struct imap_annotation_item **item_r);
/* "ANNOTATION (...)"; nothing when there is nothing to tell. */
void imap_annotation_item_append(struct cv_text *out,
				 const struct imap_annotation_item *item,
				 const struct cv_message_data *data);

/* CV_NOT_FOUND: an entry is named that is of a part which this message does not
 * have; negative: it cannot be read. */
int imap_annotation_item_check(struct imap_session *s, uint32_t seq,
			       const struct imap_annotation_item *item,
			       const struct cv_message_data *data);

/* "(entry (attribute value ...) ...)" [RFC5257 5 att-annotate], copied; false
 * after setting a reply. */
bool imap_annotations_parse(struct imap_cmd *cmd, struct imap_args list,
			    const struct cv_annotation **list_r,
			    uint32_t *count_r);
/* The reply to what could not be set. */
int imap_annotations_failed(struct imap_cmd *cmd, int code);
/* A literal that is larger than any value may be. */
int imap_annotation_too_large(struct imap_cmd *cmd);

/* entry and attribute of a sort key [RFC5257 4.9]; false after setting BAD. */
bool imap_annotation_sort_parse(struct imap_cmd *cmd, struct imap_args *list,
				struct cv_annotation *by_r);
/* attribute of a search key: 1 private, 2 shared, or both; 0: none. */
uint32_t imap_annotation_search_attribute(const struct imap_arg *arg);

/* "* OK [ANNOTATIONS 65536] ..." [RFC5257 4.1] */
void imap_annotations_send_support(struct imap_session *s, uint32_t support);

/* Changes by others are to be told [RFC5257 4.4] [RFC5465 5.1]. */
bool imap_annotations_told(const struct imap_session *s);
/* One of them has changed since the last time. */
bool imap_annotations_changed(const struct imap_session *s,
			      const struct cv_message_data *data);
/* " ANNOTATION (/comment)": those that have. */
void imap_annotations_append_changed(struct imap_session *s,
				     const struct cv_message_data *data);

#endif
