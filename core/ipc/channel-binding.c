/* channel-binding.c - channel bindings as one run of bytes. */
#include "channel-binding.h"

void channel_binding_add(struct cv_text *bindings, const char *name,
			 const void *data, size_t len)
{
	BUG_IF(len > CHANNEL_BINDING_DATA_MAX);
	cv_text_append(bindings, name, strlen(name) + 1);
	cv_text_append_c(bindings, (char)len);
	cv_text_append(bindings, data, len);
}

bool channel_binding_next(struct cv_span *rest, struct cv_span *name_r,
			  struct cv_span *data_r)
{
	size_t len;

	if (rest->len == 0 || !cv_span_split(rest, '\0', name_r) ||
	    rest->len == 0)
		return false;
	len = (unsigned char)rest->data[0];
	*rest = cv_span_skip(*rest, 1);
	if (len > rest->len)
		return false;
	*data_r = cv_span(rest->data, len);
	*rest = cv_span_skip(*rest, len);
	return true;
}

struct cv_span channel_binding_find(struct cv_span bindings,
				    const char *name)
{
	struct cv_span found, data;

	while (channel_binding_next(&bindings, &found, &data)) {
		if (cv_span_is(found, name))
			return data;
	}
	return CV_SPAN_NONE;
}

void channel_binding_keep(struct cv_text *kept, struct cv_span bindings)
{
	static const char name[] = "tls-server-end-point";
	struct cv_span data = channel_binding_find(bindings, name);

	if (data.len > 0)
		channel_binding_add(kept, name, data.data, data.len);
}
