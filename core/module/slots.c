/* slots.c - numbering the plugins' slots, and giving them out. */
#include "slots.h"
#include "module-private.h"

enum {
	SLOTS_MAGIC = 0x43765331,	/* "CvS1" */
	SLOTS_PER_CLASS_MAX = 256,
	SLOT_CLASS_SHIFT = 16,
};

struct slot_class {
	uint32_t count;
	struct slot_kind {
		size_t bytes;
		void (*fini)(void *data);
		const char *owner;
		uint32_t index;		/* in the owner's list */
		int (*freeze)(const void *data, struct cv_text *out);
		int (*thaw)(void *data, struct cv_span in);
	} slots[SLOTS_PER_CLASS_MAX];
};

static struct slot_class classes[CV_OBJECT_MAILBOX + 1];

int slots_number(struct cv_plugin *owner, struct cv_error *err)
{
	struct cv_slot *const *list = owner->code->slots;

	for (uint32_t i = 0; list != NULL && list[i] != NULL; i++) {
		struct cv_slot *slot = list[i];
		struct slot_class *class;

		if (!CV_HAS(slot, fini) || slot->object_class == 0 ||
		    slot->object_class > CV_OBJECT_MAILBOX)
			return FAIL(err, CV_E_ABI, "its slot number %u is for "
				    "objects of class %u, which this server "
				    "does not know (hint: update the server)",
				    i + 1, slot->object_class);
		class = &classes[slot->object_class];
		if (class->count == SLOTS_PER_CLASS_MAX)
			return FAIL(err, CV_E_LIMIT, "more than %d slots",
				    SLOTS_PER_CLASS_MAX);
		class->slots[class->count] = (struct slot_kind){
			.bytes = slot->bytes, .fini = slot->fini,
			.owner = owner->desc->name, .index = i,
			.freeze = CV_HAS(slot, freeze) ? slot->freeze : NULL,
			.thaw = CV_HAS(slot, thaw) ? slot->thaw : NULL,
		};
		slot->id = slot->object_class << SLOT_CLASS_SHIFT |
			class->count++;
	}
	return CV_OK;
}

void slots_reset(void)
{
	memset(classes, 0, sizeof(classes));
}

void module_slots_init(struct module_slots *slots, uint32_t object_class,
		       struct cv_pool *pool)
{
	*slots = (struct module_slots){ .magic = SLOTS_MAGIC,
		.object_class = object_class, .pool = pool };
}

void *slots_get(void *object, uint32_t slot_id)
{
	struct module_slots *slots = object;
	uint32_t number = slot_id & ((1u << SLOT_CLASS_SHIFT) - 1);
	struct slot_class *class;

	/* A slot that is not in the descriptor's list has id 0. */
	BUG_IF(slot_id == 0 || slots->magic != SLOTS_MAGIC ||
	       slots->object_class != slot_id >> SLOT_CLASS_SHIFT);
	class = &classes[slots->object_class];
	BUG_IF(number >= class->count);
	if (slots->data == NULL)
		slots->data = pool_new_array(slots->pool, void *,
					     class->count);
	if (slots->data[number] == NULL) {
		void *data = pool_alloc(slots->pool,
					class->slots[number].bytes);

		if (class->slots[number].fini != NULL)
			pool_add_finaliser(slots->pool,
					   class->slots[number].fini, data);
		slots->data[number] = data;
	}
	return slots->data[number];
}

/* --- for another process -------------------------------------------------------- */

/* u8 count, and for each "owner" NUL, u8 index, u32 length, bytes. */
static int freeze_one(const struct slot_kind *kind, const void *data,
		      struct cv_text *out, struct cv_error *err)
{
	size_t at;
	uint32_t len;

	if (kind->freeze == NULL || kind->thaw == NULL)
		return FAIL(err, CV_E_UNSUPPORTED, "plugin '%s' keeps what "
			    "cannot leave the process", kind->owner);
	cv_text_append_str(out, kind->owner);
	cv_text_append_c(out, '\0');
	cv_text_append_c(out, (char)kind->index);
	at = out->len;
	cv_text_append(out, "\0\0\0\0", 4);
	if (kind->freeze(data, out) < 0)
		return FAIL(err, CV_E_UNSUPPORTED, "plugin '%s' does not "
			    "leave the process", kind->owner);
	len = (uint32_t)(out->len - at - 4);
	for (int i = 0; i < 4; i++)
		out->data[at + (size_t)i] = (char)(len >> (8 * (3 - i)));
	return CV_OK;
}

int module_slots_freeze(const struct module_slots *slots, struct cv_text *out,
			struct cv_error *err)
{
	const struct slot_class *class = &classes[slots->object_class];
	size_t count_at = out->len;
	int status = CV_OK;

	cv_text_append_c(out, '\0');
	for (uint32_t i = 0; slots->data != NULL && i < class->count &&
	     status == CV_OK; i++) {
		if (slots->data[i] == NULL)
			continue;
		out->data[count_at]++;
		status = freeze_one(&class->slots[i], slots->data[i], out,
				    err);
	}
	return status;
}

static int thaw_one(struct module_slots *slots, const char *owner,
		    uint8_t index, struct cv_span bytes, struct cv_error *err)
{
	const struct slot_class *class = &classes[slots->object_class];

	for (uint32_t i = 0; i < class->count; i++) {
		const struct slot_kind *kind = &class->slots[i];
		uint32_t id = slots->object_class << SLOT_CLASS_SHIFT | i;

		if (kind->index != index || kind->thaw == NULL ||
		    strcmp(kind->owner, owner) != 0)
			continue;
		if (kind->thaw(slots_get(slots, id), bytes) < 0)
			break;
		return CV_OK;
	}
	return FAIL(err, CV_E_UNSUPPORTED, "plugin '%s' cannot go on with "
		    "what it has kept of a sleeping session", owner);
}

static bool cut(struct cv_span *in, size_t len, struct cv_span *part_r)
{
	if (in->len < len)
		return false;
	*part_r = cv_span(in->data, len);
	*in = cv_span_skip(*in, len);
	return true;
}

/* "owner" NUL index length. */
static bool cut_slot(struct cv_span *in, const char **owner_r,
		     uint8_t *index_r, struct cv_span *bytes_r)
{
	const char *end = in->len == 0 ? NULL :
		memchr(in->data, '\0', in->len);
	struct cv_span part;
	uint32_t len = 0;

	if (end == NULL)
		return false;
	*owner_r = in->data;
	*in = cv_span_skip(*in, (size_t)(end - in->data) + 1);
	if (!cut(in, 5, &part))
		return false;
	*index_r = (uint8_t)part.data[0];
	for (int i = 1; i <= 4; i++)
		len = len << 8 | (uint8_t)part.data[i];
	return cut(in, len, bytes_r);
}

int module_slots_thaw(struct module_slots *slots, struct cv_span *in,
		      struct cv_error *err)
{
	struct cv_span part, bytes;
	const char *owner;
	uint8_t index;
	int status = CV_OK;

	if (!cut(in, 1, &part))
		return FAIL(err, CV_E_SYNTAX, "slots of a sleeping session "
			    "are damaged");
	for (uint8_t left = (uint8_t)part.data[0];
	     left > 0 && status == CV_OK; left--) {
		if (!cut_slot(in, &owner, &index, &bytes))
			return FAIL(err, CV_E_SYNTAX, "slots of a sleeping "
				    "session are damaged");
		status = thaw_one(slots, owner, index, bytes, err);
	}
	return status;
}
