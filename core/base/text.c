/* text.c - the slow paths of struct cv_text (see plugin-api/cv-text.h). */
#include "cv-text.h"
#include "bug.h"
#include "checked.h"
#include "pool.h"

#include <stdio.h>

/* From here on it grows by a part of itself. */
enum { TEXT_LARGE = 1024 * 1024 };

void text_grow(struct cv_text *text, size_t more)
{
	size_t need, room;

	BUG_IF(text->pool == NULL);
	BUG_IF(!checked_add(text->len, more, &need));
	BUG_IF(!checked_add(need, 1, &need));
	if (need <= text->room)
		return;
	room = text->room < 64 ? 64 : text->room;
	while (room < need)
		room = room < TEXT_LARGE ? room * 2 : need + need / 8;
	text->data = pool_grow(text->pool, text->data, text->room, room);
	text->room = room;
}

void text_append_vf(struct cv_text *text, const char *fmt, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, args);
	BUG_IF(len < 0);
	text_grow(text, (size_t)len);
	(void)vsnprintf(text->data + text->len, (size_t)len + 1, fmt, again);
	text->len += (size_t)len;
	va_end(again);
}
