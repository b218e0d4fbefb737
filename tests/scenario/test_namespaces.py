"""Namespaces: what LIST, LSUB, STATUS and NAMESPACE say with many of them, the
same as Debian's Dovecot; mail between them; autoexpunge."""
import re
import shutil

import pytest

import culver
import dovecot

NEEDS_DOVECOT = pytest.mark.skipif(not dovecot.available(), reason="needs Debian's Dovecot and root")

# what stands in place of the namespace of culver.CONFIG
PLAIN = """\
namespace inbox {
  inbox = yes
  separator = /
  mailbox Trash {
    special_use = \\Trash
    auto = subscribe
  }
  mailbox Sent {
    special_use = \\Sent
    auto = create
  }
  mailbox Junk {
    special_use = \\Junk
  }
}
"""
PUBLIC = """\
namespace pub {
  type = public
  separator = /
  prefix = Public/
  location = maildir:%s/public
  subscriptions = %s
  list = %s
}
"""
ARCHIVE = """\
namespace old {
  separator = /
  prefix = Archive/
  location = %s:~/old
  %s
}
"""
PREFIXED = """\
namespace inbox {
  inbox = yes
  separator = .
  prefix = INBOX.
  mailbox Trash {
    special_use = \\Trash
    auto = subscribe
  }
}
"""
ALIAS = PLAIN + """\
namespace compat {
  separator = /
  prefix = mail/
  hidden = yes
  list = no
  alias_for =
}
"""
CONFIGS = {
    "plain": PLAIN,
    "public": PLAIN + PUBLIC % ("{dir}", "no", "children"),
    "public-yes": PLAIN + PUBLIC % ("{dir}", "no", "yes"),
    "public-own-subscriptions": PLAIN + PUBLIC % ("{dir}", "yes", "children"),
    "public-unlisted": PLAIN + PUBLIC % ("{dir}", "no", "no"),
    "archive-sdbox": PLAIN + ARCHIVE % ("sdbox", "list = children"),
    "archive-maildir": PLAIN + ARCHIVE % ("maildir", "subscriptions = no"),
    "archive-hidden": PLAIN + ARCHIVE % ("maildir", "hidden = yes\n  list = no"),
    "prefixed": PREFIXED,
    "alias": ALIAS,
    "all": PLAIN + PUBLIC % ("{dir}", "no", "children") + ARCHIVE % ("sdbox", "list = children"),
}

COMMANDS = [
    'NAMESPACE',
    'LIST "" ""', 'LIST "" *', 'LIST "" %', 'LIST "" %/%', 'LIST "" P*', 'LIST "" Public',
    'LIST "" Public/*', 'LIST "" Public/%', 'LIST Public/ %', 'LIST "" Archive*',
    'LIST "" Archive/%', 'LIST "" %/%/%', 'LIST "" INBOX*', 'LIST "" INBOX.%', 'LIST "" mail/%',
    'LIST "" mail*', 'LIST "" *x', 'LIST "" (* Public/%)',
    'LIST (SUBSCRIBED) "" *', 'LIST (SUBSCRIBED) "" %', 'LIST (SUBSCRIBED RECURSIVEMATCH) "" %',
    'LIST (SPECIAL-USE) "" *', 'LIST "" * RETURN (SUBSCRIBED CHILDREN)',
    'LIST "" % RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)',
    'LSUB "" *', 'LSUB "" %', 'LSUB "" Public/*', 'LSUB "" Public/%', 'LSUB "" %/%',
    'LSUB "" Archive/*', 'LSUB "" Archive*',
    'STATUS INBOX (MESSAGES UIDNEXT UNSEEN)', 'STATUS Public/news (MESSAGES UIDNEXT UNSEEN)',
    'STATUS Public/news/deep (MESSAGES)', 'STATUS Archive/2020 (MESSAGES)', 'STATUS Public (MESSAGES)',
    'STATUS Archive/INBOX (MESSAGES)', 'STATUS mail/Work (MESSAGES)', 'STATUS Sent (MESSAGES)',
    'STATUS INBOX.Work (MESSAGES)', 'STATUS Nix (MESSAGES)',
]

SETUP = [
    "CREATE Work", "CREATE Work/deep/er", "CREATE Public/news", "CREATE Public/news/deep",
    "CREATE Public/other", "CREATE Archive/2020", "CREATE Archive/2020/x", "CREATE mail/Compat",
    "CREATE INBOX.Work", "CREATE INBOX.Work.deep.er",
    "SUBSCRIBE Work/deep/er", "SUBSCRIBE Public/news/deep", "SUBSCRIBE Archive/2020/x",
    "SUBSCRIBE INBOX.Work.deep.er", "SUBSCRIBE mail/Compat", "SUBSCRIBE INBOX",
]
MAIL = b"From: <a@example.org>\r\nSubject: %d\r\n\r\nbody %d\r\n"


def config(text, namespaces):
    """The config of a server with these namespaces in place of its own."""
    head, _, rest = text.partition("namespace inbox {{")
    rest = rest.partition("\n}}\n")[2]
    return head + namespaces.replace("{", "{{").replace("}", "}}").replace("{{dir}}", "{dir}") + rest


def flags_sorted(line):
    """Order within parentheses does not matter."""
    return re.sub(r"\(([^()]*)\)", lambda m: "(" + " ".join(sorted(m[1].split())) + ")", line)


def answers(server, commands=COMMANDS):
    result = {}
    with server.raw() as raw:
        raw.line()
        assert b" OK " in raw.command("login alice secret")[-1]
        for command in SETUP:
            raw.command(command)
        for i in range(3):
            raw.send(b"a APPEND INBOX {%d}\r\n" % len(MAIL % (i, i)))
            raw.line()
            raw.send(MAIL % (i, i) + b"\r\n")
            raw.until("a")
        raw.command("SELECT INBOX")
        raw.command("COPY 1:2 Public/news")
        raw.command("COPY 1:3 Archive/2020")
        raw.command("UNSELECT")
        for command in commands:
            *untagged, tagged = raw.command(command)
            lines = sorted(flags_sorted(line.decode().rstrip().replace('"', ""))
                           for line in untagged)
            result[command] = lines, tagged.split()[1].decode()
    return result


def normal(answer):
    """Without what the two say in other words: \\UnMarked and \\Marked."""
    lines, tagged = answer
    # beside an alias Dovecot says of INBOX that it can have no children
    lines = [re.sub(r"\\(NoInferiors|HasNoChildren) ?", "", line) if line.endswith("INBOX")
             else line for line in lines]
    # Dovecot says what was not asked for, too
    lines = [line.replace(" (CHILDINFO (SPECIAL-USE))", "") for line in lines]
    return sorted(re.sub(r" ?\\(UnMarked|Marked)", "", line).replace("( ", "(")
                  for line in lines), tagged


def run(server):
    public = server.dir / "public"
    public.mkdir()
    if culver.IS_ROOT:
        shutil.chown(public, culver.MAIL_USER, culver.MAIL_GROUP)
    return answers(server)


@NEEDS_DOVECOT
@pytest.mark.parametrize("name", CONFIGS)
def test_lists_are_those_of_dovecot(name):
    with dovecot.Dovecot(config=config(dovecot.CONFIG, CONFIGS[name])) as server:
        theirs = run(server)
    with culver.Server(config=config(culver.CONFIG, CONFIGS[name])) as server:
        ours = run(server)
    different = [
        f"{command}\n  dovecot: {normal(theirs[command])}\n  culver:  {normal(ours[command])}"
        for command in COMMANDS if normal(theirs[command]) != normal(ours[command])]
    assert not different, "\n".join(different)


def subjects(client, mailbox):
    assert client.select(f'"{mailbox}"', readonly=True)[0] == "OK"
    return sorted(int(re.search(rb"Subject: (\d+)", part[1])[1]) for part in
                  client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
                  if isinstance(part, tuple))


def test_mail_moves_between_backends():
    """A move to another account is a copy, then an expunge."""
    namespaces = CONFIGS["archive-sdbox"] + ARCHIVE.replace("old {", "older {").replace(
        "Archive/", "Older/").replace("~/old", "~/older") % ("maildir", "")
    with culver.Server(config=config(culver.CONFIG, namespaces)) as server:
        client = server.imap()
        for name in ("Archive/a", "Older/a"):
            assert client.create(name)[0] == "OK"
        for i in range(6):
            client.append("INBOX", "(\\Flagged kw%d)" % i, None, MAIL % (i, i))
        client.select("INBOX")
        assert client._simple_command("MOVE", "1:4", "Archive/a")[0] == "OK"
        client.select("Archive/a")
        assert client._simple_command("MOVE", "1:2", "Older/a")[0] == "OK"
        assert client.copy("1", "Older/a")[0] == "OK"
        assert subjects(client, "INBOX") == [4, 5]
        assert subjects(client, "Archive/a") == [2, 3]
        assert subjects(client, "Older/a") == [0, 1, 2]
        client.select("Older/a")
        flags = client.fetch("1", "(FLAGS)")[1][0]
        assert b"\\Flagged" in flags and b"kw0" in flags
        # a mailbox does not move to another store
        assert client.rename("Archive/a", "Older/b")[0] == "NO"
        client.logout()
        assert (server.home("alice") / "older" / ".a" / "cur").is_dir()


def test_autoexpunge_at_the_end_of_a_session_and_by_the_admin():
    namespaces = PLAIN.replace("special_use = \\Junk",
                               "special_use = \\Junk\n    autoexpunge_max_mails = 2")
    with culver.Server(config=config(culver.CONFIG, namespaces)) as server:
        client = server.imap()
        client.create("Junk")
        for i in range(5):
            client.append("Junk", None, None, MAIL % (i, i))
        assert server.adm("autoexpunge", "-u", "alice").stdout.strip() == "3"
        assert subjects(client, "Junk") == [3, 4]
        for i in range(5, 8):
            client.append("Junk", None, None, MAIL % (i, i))
        client.logout()
        client = server.imap()
        for _ in range(100):
            if subjects(client, "Junk") == [6, 7]:
                break
            client.noop()
        assert subjects(client, "Junk") == [6, 7]
        client.logout()


@pytest.mark.skipif(not culver.IS_ROOT, reason="needs a directory that mail users cannot write")
def test_a_namespace_that_cannot_be_opened_hides_no_other(tmp_path):
    extra = "namespace public {\n  type = public\n  separator = /\n  prefix = Public/\n  subscriptions = no\n" \
            "  location = maildir:%s\n}\n" % (tmp_path / "public")
    (tmp_path / "public" / ".News" / "cur").mkdir(parents=True)
    with culver.Server(config=config(culver.CONFIG, PLAIN + extra)) as server, server.raw() as client:
        client.line()
        assert client.command("LOGIN alice secret")[-1].startswith(b"x OK")
        said = client.command('LIST "" *')
        assert [line.split()[-1] for line in said[:-1]] == [b"INBOX", b"Sent", b"Trash"]
        assert said[-1].startswith(b"x NO")
        # what no name of it can match does not open it
        for pattern, names in (("S*", [b"Sent"]), ("inbox", [b"INBOX"]), ("Publi", []), ("Publicity*", [])):
            said = client.command(f'LIST "" {pattern}')
            assert [line.split()[-1] for line in said[:-1]] == names
            assert said[-1].startswith(b"x OK"), said
        for pattern in ("P*", "%", "Public", "Public/News", "*ews"):
            assert client.command(f'LIST "" {pattern}')[-1].startswith(b"x NO"), pattern
        assert client.command("SELECT INBOX")[-1].startswith(b"x OK")
        done = server.adm("mailbox", "list", "-u", "alice", check=False)
        assert done.returncode != 0 and done.stdout.split() == ["INBOX", "Sent", "Trash"]
        server.adm("save", "-u", "alice", input="Subject: x\n\nx\n")
        done = server.adm("search", "-u", "alice", "ALL", check=False)
        assert done.returncode != 0 and done.stdout.count("\n") == 1
        # a copy is of what is one's own, unless the others are asked for
        copy = f"sdbox:{server.home('alice')}/copy"
        server.adm("backup", "-u", "alice", copy)
        server.adm("sync", "-u", "alice", copy)
        server.adm("save", "-u", "alice", "-m", "Sent", input="Subject: y\n\ny\n")
        done = server.adm("backup", "-N", "-u", "alice", copy, check=False)
        assert done.returncode != 0 and done.stderr.count("namespace 'Public/'") == 1
        copied = server.adm("-o", f"mail_location={copy}", "search", "-u", "alice", "mailbox", "Sent", "ALL",
                            check=False)
        assert copied.stdout.count("\n") == 1


BY_ALIAS = PREFIXED + """\
namespace compat {
  separator = .
  prefix =
  alias_for = INBOX.
  hidden = yes
  list = no
}
namespace old {
  separator = .
  prefix = Archive.
  location = sdbox:~/old
  subscriptions = no
}
"""


def test_a_subscription_that_is_kept_by_an_alias_has_one_name():
    """It would be shown as one below INBOX., too, and with it be taken away."""
    with culver.Server(config=config(culver.CONFIG, BY_ALIAS)) as server:
        client = server.imap()

        def subscribed():
            return {line.decode().split(' "." ')[1] for line in client.lsub()[1]} - {"INBOX.Trash"}

        for name in ("Archive.2020", "INBOX.Work"):
            assert client.create(name)[0] == client.subscribe(name)[0] == "OK"
        assert subscribed() == {"Archive.2020", "INBOX.Work"}
        # one of that name is there: then the file cannot say which is meant
        assert client.create("INBOX.Archive.2020")[0] == "OK"
        assert subscribed() == {"Archive.2020", "INBOX.Work", "INBOX.Archive.2020"}
        assert client.delete("INBOX.Archive.2020")[0] == "OK"
        assert client.unsubscribe("Archive.2020")[0] == "OK"
        assert subscribed() == {"INBOX.Work"}
        client.logout()


@NEEDS_DOVECOT
@pytest.mark.parametrize("create", [[], ["Public/a"]], ids=["empty", "with a mailbox"])
def test_a_prefix_without_mailboxes_has_no_children(create):
    """Nor one with another namespace below it, which is one, whatever that has."""
    nested = ARCHIVE.replace("namespace old", "namespace deep").replace("Archive/", "Archive/Old/").replace(
        "~/old", "~/deep") % ("maildir", "subscriptions = no")
    told = []
    for server, text in ((culver.Server, culver.CONFIG), (dovecot.Dovecot, dovecot.CONFIG)):
        extra = PLAIN + PUBLIC % ("~", "no", "yes") + ARCHIVE % ("maildir", "subscriptions = no") + nested
        with server(config=config(text, extra)) as running:
            client = running.imap()
            for name in create:
                assert client.create(name)[0] == "OK"
            told.append([sorted(line for line in client.list('""', pattern)[1] if line and b"INBOX" not in line)
                         for pattern in ("*", "%", "Public", "Archive", "Archive/%")])
            client.logout()
    assert told[0] == told[1]
    wanted = b"\\HasChildren" if create else b"\\HasNoChildren"
    assert told[0][2] == [b'(\\Noselect ' + wanted + b') "/" Public']
    assert told[0][3] == [b'(\\Noselect \\HasChildren) "/" Archive']
