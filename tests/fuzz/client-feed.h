/* client-feed.h - the service "client" of cv-client.h, from memory: what the
 * other server says is the fuzzer's, what is written is thrown away. */
#ifndef CLIENT_FEED_H
#define CLIENT_FEED_H

#include "base.h"
#include "cv-client.h"

struct cv_client { char line[65536]; };

static struct cv_span client_feed;
static struct cv_client client_fed;

static int feed_open(struct cv_pool *pool,
		     const struct cv_client_options *options,
		     struct cv_client **client_r, struct cv_error *err)
{
	(void)pool; (void)options;
	if (client_feed.len == 0)
		return FAIL(err, CV_E_TEMP, "nobody is there");
	*client_r = &client_fed;
	return CV_OK;
}

static int feed_start_tls(struct cv_client *client, struct cv_error *err)
{
	(void)client; (void)err;
	return CV_OK;
}

static int feed_line(struct cv_client *client, struct cv_span *line_r,
		     struct cv_error *err)
{
	const char *lf = client_feed.len == 0 ? NULL :
		memchr(client_feed.data, '\n', client_feed.len);
	size_t len;

	if (lf == NULL) {
		client_feed.len = 0;
		return FAIL(err, CV_E_TEMP, "closed");
	}
	len = (size_t)(lf - client_feed.data);
	if (len > sizeof(client->line))
		return FAIL(err, CV_E_LIMIT, "a long line");
	memcpy(client->line, client_feed.data, len);
	client_feed = cv_span_skip(client_feed, len + 1);
	if (len > 0 && client->line[len - 1] == '\r')
		len--;
	*line_r = cv_span(client->line, len);
	return CV_OK;
}

static int feed_bytes(struct cv_client *client, size_t max,
		      struct cv_span *data_r, struct cv_error *err)
{
	size_t len = client_feed.len < max ? client_feed.len : max;

	if (len == 0)
		return FAIL(err, CV_E_TEMP, "closed");
	if (len > sizeof(client->line))
		len = sizeof(client->line);
	memcpy(client->line, client_feed.data, len);
	client_feed = cv_span_skip(client_feed, len);
	*data_r = cv_span(client->line, len);
	return CV_OK;
}

static int feed_write(struct cv_client *client, struct cv_span data,
		      struct cv_error *err)
{
	(void)client; (void)data; (void)err;
	return CV_OK;
}

static void feed_close(struct cv_client **client)
{
	*client = NULL;
}

static void feed_identify(uint8_t id_r[16], const char *const *words,
			  uint32_t count)
{
	memset(id_r, 0, 16);
	for (uint32_t i = 0; i < count; i++)
		id_r[i % 16] ^= (uint8_t)strlen(words[i]);
}

static const struct cv_client_api feed_client_api = {
	CV_SIZED(cv_client_api), .open = feed_open,
	.start_tls = feed_start_tls, .line = feed_line, .bytes = feed_bytes,
	.write = feed_write, .close = feed_close, .identify = feed_identify,
};

#endif
