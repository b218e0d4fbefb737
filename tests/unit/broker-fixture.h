/* broker-fixture.h - two users: one owns the mail, the other one reads it,
 * through a broker in a process of its own. */
#ifndef BROKER_FIXTURE_H
#define BROKER_FIXTURE_H

#include "mailbox-fixture.h"
#include "mailbox/mailbox-admin.h"
#include "mailbox/mailbox-broker.h"
#include "mailbox/mailbox-freeze.h"
#include "mailbox/remote-wire.h"

#include <signal.h>
#include <sys/wait.h>

#ifndef PAIR_SETTINGS
#define PAIR_SETTINGS ""		/* of both */
#endif

static const char mail_one[] = "Subject: one\r\n\r\nbody\r\n";
static const char mail_two[] = "Subject: two\r\n\r\nother body\r\n";

/* jane owns the mail, bob reads it. */
struct pair {
	struct fixture owner;
	struct fixture reader;		/* only user, pool and err are used */
	struct settings_tree *tree;	/* bob's */
	pid_t broker;
	bool refuse, lie;
	uint32_t births;
};

static const struct acl_who bob = { .user = "bob@example.org" };

static int run_broker(struct pair *p, int channel)
{
	struct fixture *f = &p->owner;
	char home[80];
	struct user_fields fields = {
		.name = "jane@example.org", .home = home,
		.uid = (uid_t)-1, .gid = (gid_t)-1,
	};
	struct user_config config = {
		.settings = f->tree, .hostname = "test",
		.boot_id = f->boot_id, .accessor = &bob,
		.private_seen = true,
	};
	struct cv_user *user;
	struct cv_error err = ERROR_NONE;

	/* a test that has failed leaves its end of a channel open, and then
	 * nobody hears that it has ended */
	(void)alarm(120);
	snprintf(home, sizeof(home), "%s/home", f->dir);
	if (user_create(&fields, &config, &user, &err) < 0 ||
	    mailbox_broker_run(user, channel, NULL, &err) < 0)
		return 1;
	user_destroy(&user);
	return 0;
}

static void put_noise(struct cv_text *out, uint32_t *seed, uint32_t len)
{
	while (len-- > 0) {
		*seed = *seed * 1103515245 + 12345;
		cv_text_append_c(out, (char)(*seed % 3 == 0 ? *seed >> 16 :
					     0));
	}
}

/* Answers everything, with nonsense; now and then what looks like a view. */
static int run_liar(int channel, uint32_t births)
{
	struct cv_pool *pool = pool_create("liar");
	struct remote_message m;
	struct cv_text out;
	uint32_t seed = 7 + births, count = births;

	while (remote_receive(channel, 100000, REMOTE_MSG_REQUEST, pool, &m,
			      NULL) == CV_OK) {
		if (m.fd >= 0)
			close(m.fd);
		cv_text_init(&out, pool);
		if (m.number == REMOTE_OPEN && ++count % 2 == 0) {
			static const struct cv_range some[] = {
				{ 1, 3 }, { 2, UINT32_MAX } };
			const struct cv_set set = {
				&some[count % 4 == 0], 1 };
			const struct cv_keywords none = { NULL, 0 };

			for (int i = 0; i < 6; i++)
				remote_put_u32(&out, 1);
			remote_put_u64(&out, 1);
			remote_put_u32(&out, UINT32_MAX);	/* annotations */
			remote_put_span(&out, cv_span("0123456789abcdef",
						      16));
			remote_put_keywords(&out, &none);
			remote_put_set(&out, set);
			remote_put_set(&out, set);
		} else {
			put_noise(&out, &seed, seed >> 8 & 63);
		}
		if (remote_send(channel, REMOTE_MSG_ANSWER, 0, "", &out,
				seed % 4 == 0 ? channel : -1, NULL) != CV_OK)
			break;
		pool_reset(pool);
	}
	return 0;
}

static int open_broker(void *context, const char *owner, int *channel_r,
		       struct cv_error *err)
{
	struct pair *p = context;
	int fds[2];

	if (strcmp(owner, "jane@example.org") != 0)
		return FAIL(err, CV_E_NOT_FOUND, "no such user");
	if (p->refuse)
		return FAIL(err, CV_E_TEMP, "not now");
	assert_int_equal(ipc_pair(fds, false, err), CV_OK);
	p->births++;
	p->broker = fork();
	assert_true(p->broker >= 0);
	if (p->broker == 0) {
		close(fds[0]);
		_exit(p->lie ? run_liar(fds[1], p->births) :
		      run_broker(p, fds[1]));
	}
	close(fds[1]);
	*channel_r = fds[0];
	return CV_OK;
}

static void reader_login(struct pair *p)
{
	static char home[80];
	struct user_fields fields = {
		.name = "bob@example.org", .home = home,
		.uid = (uid_t)-1, .gid = (gid_t)-1,
	};
	struct user_config config = {
		.settings = p->tree, .hostname = "test",
		.boot_id = p->owner.boot_id, .open_broker = open_broker,
		.broker_context = p,
	};

	snprintf(home, sizeof(home), "%s/bob", p->owner.dir);
	(void)mkdir(home, 0700);
	ok(&p->reader, user_create(&fields, &config, &p->reader.user,
				   &p->reader.err));
}

static inline void pair_init(struct pair *p)
{
	static const char settings[] = FIXTURE_LOCATION
		"namespace a {\n inbox = yes\n separator = /\n}\n"
		"namespace s {\n type = shared\n prefix = shared/%%u/\n"
		" separator = /\n subscriptions = no\n}\n" PAIR_SETTINGS;

	*p = (struct pair){ .broker = -1 };
	fixture_init(&p->owner,
		     "namespace a {\n inbox = yes\n separator = /\n}\n"
		     PAIR_SETTINGS);
	p->reader.pool = p->owner.pool;
	ok(&p->reader, settings_read_text("test", cv_span_of(settings), NULL,
					  &p->tree, &p->reader.err));
	reader_login(p);
}

static inline void pair_deinit(struct pair *p)
{
	user_destroy(&p->reader.user);
	while (waitpid(-1, NULL, 0) > 0)
		;
	settings_tree_destroy(&p->tree);
	fixture_deinit(&p->owner);
}

static inline void grant(struct pair *p, const char *name, const char *rights)
{
	struct fixture *f = &p->owner;
	struct acl_entry entry = { .kind = ACL_USER,
		.name = "bob@example.org" };

	ok(f, acl_rights_parse(cv_span_of(rights), &entry.rights, &f->err));
	ok(f, mailbox_acl_change(f->user, name, &entry, ACL_REPLACE,
				 &f->err));
}

#define SHARED "shared/jane@example.org/"

/* The broker ends now. */
static inline void kill_broker(struct pair *p)
{
	kill(p->broker, SIGKILL);
	assert_int_equal(waitpid(p->broker, NULL, 0), p->broker);
}

#endif
