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
	struct { size_t bytes; void (*fini)(void *data); }
		slots[SLOTS_PER_CLASS_MAX];
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
		class->slots[class->count].bytes = slot->bytes;
		class->slots[class->count].fini = slot->fini;
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
