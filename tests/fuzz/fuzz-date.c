/* fuzz-date.c - dates: what is read can be written and read again. */
#include "base.h"
#include "message/mail-date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_date(struct cv_pool *pool, const struct mail_date *date)
{
	struct mail_date again;
	struct cv_text text;

	/* the years 1900 to 9999, and a day for the zone */
	BUG_IF(date->time < -2209075200 - 400000 ||
	       date->time > 253402300800 + 400000);
	BUG_IF(date->zone < -6000 || date->zone > 6000);
	cv_text_init(&text, pool);
	mail_date_append(&text, date);
	BUG_IF(!mail_date_parse(cv_text_span(&text), &again));
	BUG_IF(again.time != date->time || again.zone != date->zone);
	cv_text_reset(&text);
	mail_date_append_imap(&text, date);
	BUG_IF(!mail_date_parse_imap(cv_text_span(&text), &again));
	BUG_IF(again.time != date->time || again.zone != date->zone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_span value = cv_span((const char *)data, size);
	struct mail_date date;
	int64_t day;

	if (mail_date_parse(value, &date))
		check_date(pool, &date);
	(void)mail_date_parse_imap(value, &date);
	(void)mail_date_parse_imap_day(value, &day);
	pool_destroy(&pool);
	return 0;
}
