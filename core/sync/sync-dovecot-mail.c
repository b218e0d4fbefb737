/* sync-dovecot-mail.c - messages in Dovecot's files: a head, the bytes with
 * LF alone, metadata. */
#include "sync-dovecot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { HEAD = 30 };

/* Its size is written when it is known. */
static void format_head(char dst[HEAD + 1], uint64_t length)
{
	(void)snprintf(dst, HEAD + 1, "\001\002N          %016llx\n",
		       (unsigned long long)length);
}

int sync_dovecot_file_begin(struct sync_dovecot_mail *m, int dirfd,
			    const char *name, struct cv_error *err)
{
	m->name = name;
	m->fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
		       O_CLOEXEC, 0600);
	if (m->fd < 0)
		return FAIL_ERRNO(err, errno, "cannot create '%s'", name);
	cv_text_reset(&m->buffer);
	cv_text_append_f(&m->buffer, "2 M%x C%08llx\n", HEAD,
			 (unsigned long long)time_now());
	m->size = m->buffer.len;
	return CV_OK;
}

static int flush(struct sync_dovecot_mail *m, struct cv_error *err)
{
	int ret = sync_dovecot_write(m->fd, m->name,
				     cv_text_span(&m->buffer), err);

	cv_text_reset(&m->buffer);
	return ret;
}

void sync_dovecot_mail_begin(struct sync_dovecot_mail *m)
{
	char head[HEAD + 1];

	m->start = m->size;
	m->length = m->virtual_size = 0;
	m->cr = false;
	format_head(head, 0);
	cv_text_append(&m->buffer, head, HEAD);
	m->size += HEAD;
}

static void add(struct sync_dovecot_mail *m, struct cv_span data)
{
	cv_text_append_span(&m->buffer, data);
	m->length += data.len;
	m->size += data.len;
}

int sync_dovecot_mail_write(struct sync_dovecot_mail *m, struct cv_span data,
			    struct cv_error *err)
{
	m->virtual_size += data.len;
	while (data.len > 0) {
		const char *cr = memchr(data.data, '\r', data.len);
		size_t plain = cr == NULL ? data.len :
			(size_t)(cr - data.data);

		if (m->cr && data.data[0] != '\n')
			add(m, CV_SPAN("\r"));
		m->cr = cr != NULL;
		add(m, cv_span(data.data, plain));
		data = cv_span_skip(data, plain + (cr != NULL));
	}
	return m->buffer.len < DOVECOT_BUFFER ? CV_OK : flush(m, err);
}

static void put_metadata(struct sync_dovecot_mail *m,
			 const struct sync_row *as, const char *mailbox)
{
	size_t before = m->buffer.len;

	cv_text_append_f(&m->buffer, "\n\001\003\nR%llx\nV%llx\nG",
			 as->received < 0 ? 0ULL :
			 (unsigned long long)as->received,
			 (unsigned long long)m->virtual_size);
	hex_encode(&m->buffer, as->guid, sizeof(as->guid));
	if (mailbox != NULL)
		cv_text_append_f(&m->buffer, "\nB%s", mailbox);
	cv_text_append_str(&m->buffer, "\n\n");
	m->size += m->buffer.len - before;
}

int sync_dovecot_mail_finish(struct sync_dovecot_mail *m,
			     const struct sync_row *as, const char *mailbox,
			     struct cv_error *err)
{
	char head[HEAD + 1];
	int ret;

	if (m->cr)
		add(m, CV_SPAN("\r"));
	put_metadata(m, as, mailbox);
	ret = flush(m, err);
	if (ret < 0)
		return ret;
	format_head(head, m->length);
	if (pwrite(m->fd, head, HEAD, (off_t)m->start) != HEAD)
		return FAIL_ERRNO(err, errno, "cannot write '%s'", m->name);
	return CV_OK;
}

int sync_dovecot_file_end(struct sync_dovecot_mail *m, struct cv_error *err)
{
	int fd = m->fd;

	m->fd = -1;
	if (fd >= 0 && close(fd) < 0)
		return FAIL_ERRNO(err, errno, "cannot write '%s'", m->name);
	return CV_OK;
}
