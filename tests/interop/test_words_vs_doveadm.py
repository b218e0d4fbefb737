"""What culveradm takes and shows of names, sizes and dates, beside Debian's
doveadm: fields in any case, units of sizes, INBOX however it is written, levels
that are no mailboxes, sizes of compressed mail, subscriptions of namespaces."""
import re
import shutil
import subprocess

import pytest

import culver
import dovecot

pytestmark = pytest.mark.skipif(not dovecot.available(), reason="needs root and Dovecot")

MAIL = "Subject: x\nDate: Wed, 03 Jan 2024 10:00:00 +0000\n\n" + "hello world\n" * 100
NAMESPACES = """
namespace inbox {
  prefix = INBOX/
}
namespace two {
  prefix = two/
  separator = /
  location = maildir:~/two
}
namespace pub {
  type = public
  prefix = PUBLIC/
  separator = /
  location = maildir:~/public
  subscriptions = no
}
"""


class Both:
    def __init__(self, extra="", kind="maildir"):
        ours = extra.replace("mail_plugins = zlib", "mail_plugins = compress")
        self.servers = [
            server(config=base.replace("maildir:~/Maildir", f"{kind}:~/mail") + more.replace("{", "{{").replace("}", "}}"))
            for server, base, more in ((culver.Server, culver.CONFIG, ours), (dovecot.Dovecot, dovecot.CONFIG, extra))]
        self.programs = [culver.PREFIX / "bin" / "culveradm", "doveadm"]

    def __enter__(self):
        for server in self.servers:
            server.home("alice").mkdir(parents=True, exist_ok=True)
            shutil.chown(server.home("alice"), culver.MAIL_USER, culver.MAIL_GROUP)
            server.start()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.stop()
            server.remove()

    def run(self, *words, text=MAIL):
        """[(status, output)] of ours and theirs, and what ours says to stderr."""
        done = [subprocess.run([program, "-c", server.config, *words], capture_output=True, text=True,
                               input=text, timeout=60)
                for program, server in zip(self.programs, self.servers)]
        return [(d.returncode, d.stdout.replace("\r", "")) for d in done], done[0].stderr


@pytest.fixture(scope="module")
def both():
    with Both() as pair:
        pair.run("save", "-u", "alice", "-m", "INBOX")
        pair.run("mailbox", "create", "-u", "alice", "Foo/bar/baz", "A", "A/B")
        yield pair


@pytest.mark.parametrize("fields", [
    "UID", "Uid Seq", "HDR.subject", "hdr.SUBJECT", "Size.Physical", "BODY", "uid BODY.1.MIME", "imap.ENVELOPE",
    "DATE.Sent.UNIXTIME", "Mailbox", "Nosuch"])
def test_names_of_fields_have_no_case(both, fields):
    (ours, theirs), _ = both.run("fetch", "-u", "alice", fields, "all")
    assert ours[0] == theirs[0] and ours[1].strip() == theirs[1].strip()


@pytest.mark.parametrize("size", [
    "1k", "1kb", "1K", "1KB", "1kib", "1KiB", "1b", "1B", "0M", "1MB", "1mb", "0g", "0T", "0TB", "1tib", "0 k", "0kx",
    "0bb", "", "k", "0ki", "0bi", "1.5k", "18446744073709551615", "18446744073709551616", "18446744073709551615k"])
def test_sizes_have_the_units_of_doveadm(both, size):
    (ours, theirs), said = both.run("search", "-u", "alice", "larger", size)
    assert ours[0] == theirs[0] and len(ours[1].split()) == len(theirs[1].split()), said
    assert ours[0] == 0 or "is no size" in said


@pytest.mark.parametrize("query", ["inbox", "INbox", "INBOX", "i*", "I*", "A", "a", "a*", "inbox/x", "*"])
def test_inbox_is_shown_as_it_is_listed(both, query):
    (ours, theirs), _ = both.run("-f", "tab", "fetch", "-u", "alice", "mailbox uid", "mailbox", query, "all")
    # a mailbox that is not there: we leave out the heading, too
    assert ours[1].split()[2:] == theirs[1].split()[2:]


@pytest.mark.parametrize("masks", [[], ["Foo*"], ["%"], ["Foo"], ["Foo/*"], ["Foo/%"], ["Foo", "A"], ["INBOX"]])
def test_levels_that_are_no_mailboxes_are_listed(both, masks):
    (ours, theirs), _ = both.run("mailbox", "list", "-u", "alice", *masks)
    assert sorted(ours[1].split()) == sorted(theirs[1].split())


@pytest.mark.parametrize("day", ["2020-02-30", "30-Feb-2020", "2019-02-29", "2020-04-31", "2020-13-01", "99-Jan-2020"])
def test_days_that_do_not_exist_are_refused(both, day):
    server = both.servers[0]
    assert server.adm("save", "-u", "alice", "-m", "A", "-r", day, input=MAIL, check=False).returncode == 64
    done = server.adm("search", "-u", "alice", "since", day, check=False)
    assert done.returncode == 75 and "is no date" in done.stderr
    assert server.adm("search", "-u", "alice", "mailbox", "A", "all").stdout == ""


def test_a_leap_day_is_a_day(both):
    server = both.servers[0]
    for day in ("2020-02-29", "29-Feb-2024", "2000-02-29"):
        server.adm("save", "-u", "alice", "-m", "A/B", "-r", day, input=MAIL)
    found = server.adm("-f", "tab", "fetch", "-u", "alice", "date.received", "mailbox", "A/B", "all").stdout
    assert re.findall(r"(\d{4}-\d\d-\d\d)", found) == ["2020-02-29", "2024-02-29", "2000-02-29"]


@pytest.mark.parametrize("kind", ["maildir", "sdbox", "mdbox"])
def test_compressed_mail_has_the_sizes_that_doveadm_tells(kind):
    with Both("mail_plugins = zlib\nplugin {\n  zlib_save = gz\n}\n", kind) as pair:
        pair.run("save", "-u", "alice", "-m", "INBOX")
        (ours, theirs), _ = pair.run("-f", "tab", "fetch", "-u", "alice", "size.physical size.virtual", "all")
        assert ours == theirs


def test_subscriptions_that_no_namespace_keeps_are_refused():
    with Both(NAMESPACES) as pair:
        def agree(*words):
            (ours, theirs), said = pair.run("mailbox", words[0], "-u", "alice", *words[1:])
            assert ours[0] == theirs[0] and sorted(ours[1].split()) == sorted(theirs[1].split()), (ours, theirs, said)
            return ours[0], said

        agree("create", "INBOX/A", "two/B", "PUBLIC/news")
        status, said = agree("subscribe", "PUBLIC/news")
        assert status == 65 and "subscriptions = yes" in said
        agree("list", "-s")
        agree("subscribe", "two/B", "INBOX/A")
        agree("list", "-s")
        agree("unsubscribe", "PUBLIC/news")
        for server in pair.servers:  # over IMAP, too
            with server.raw() as raw:
                raw.line()
                raw.command("login alice secret")
                assert raw.command("SUBSCRIBE PUBLIC/news")[-1].split()[1] == b"NO"
                assert not [line for line in raw.command('LSUB "" *') if b"news" in line]
                assert raw.command("UNSUBSCRIBE PUBLIC/news")[-1].split()[1] == b"OK"


def test_a_namespace_below_inbox_keeps_its_subscriptions_there():
    with Both(NAMESPACES.replace("PUBLIC", "INBOX/Public")) as pair:
        for words in (["create", "INBOX/Public/news", "two/B"], ["subscribe", "INBOX/Public/news"], ["list", "-s"],
                      ["list"], ["unsubscribe", "INBOX/Public/news"], ["list", "-s"]):
            (ours, theirs), said = pair.run("mailbox", words[0], "-u", "alice", *words[1:])
            assert ours[0] == theirs[0] and sorted(ours[1].split()) == sorted(theirs[1].split()), (words, said)


def test_a_rename_to_another_store_says_what_to_do_instead():
    with Both(NAMESPACES) as pair:
        server = pair.servers[0]
        server.adm("mailbox", "create", "-u", "alice", "INBOX/A")
        done = server.adm("mailbox", "rename", "-u", "alice", "INBOX/A", "two/C", check=False)
        assert done.returncode == 65 and "hint: create the new mailbox" in done.stderr
        # and that works
        server.adm("save", "-u", "alice", "-m", "INBOX/A", input=MAIL)
        server.adm("mailbox", "create", "-u", "alice", "two/C")
        server.adm("move", "-u", "alice", "two/C", "mailbox", "INBOX/A", "all")
        server.adm("mailbox", "delete", "-u", "alice", "INBOX/A")
        assert server.adm("mailbox", "status", "-u", "alice", "messages", "two/C").stdout == "two/C messages=1\n"
