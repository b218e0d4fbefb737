"""Global files of rights, the same as with Debian's Dovecot; the file of who
has shared with whom."""
import shutil

import pytest

import culver
import dovecot

NEEDS_DOVECOT = pytest.mark.skipif(not dovecot.available(), reason="needs Debian's Dovecot and root")

LINES = """\
# patterns, '*' and '?'
Work user=alice lr
Lists/* anyone lrs
Lists/x owner lrw
"Two words" owner lr
Neg -user=alice i
Dup user=alice l
Du* user=alice r
Loc owner lrx
Loc4 user=bob lrs
INBOX anyone lri
?hm owner lr
Q%m owner lr
"""
BOXES = ["INBOX", "Work", "Lists", "Lists/a", "Lists/x", '"Two words"', "Neg", "Dup", "Loc", "Loc4",
         "xhm", "Qxm", "Plain", "Dir", "Dir/deep",
         "Dir/deep/er"]
LETTERS = dict(zip(("lookup", "read", "write", "write-seen", "write-deleted", "insert", "post",
                    "expunge", "create", "delete", "admin"), "lrwstipekxa"))
ACL = """\
mail_plugins = acl
protocol imap {
  mail_plugins = acl%s
}
plugin {
  acl = vfile:%s
}
"""


def text(imap_acl):
    return (ACL % (imap_acl, "{dir}/global/acl")).replace("{", "{{").replace("}", "}}").replace(
        "{{dir}}", "{dir}")


def write_global(server, kind):
    folder = server.dir / "global"
    folder.mkdir()
    if kind == "file":
        (folder / "acl").write_text(LINES)
    else:
        (folder / "acl" / "Lists").mkdir(parents=True)
        (folder / "acl" / "Work").write_text("user=alice lr\n")
        (folder / "acl" / "Lists" / "x").write_text("owner lrw\n")
        (folder / "acl" / "Neg").write_text("-user=alice i\n")
    if kind == "defaults":
        # of mailboxes whose names are directories here
        (folder / "acl" / "Lists" / ".DEFAULT").write_text("owner lrsk\n")
        (folder / "acl" / "Dir" / "deep").mkdir(parents=True)
        (folder / "acl" / "Dir" / "deep" / ".DEFAULT").write_text("owner lrswk\n")


def my_rights(server):
    with server.raw() as raw:
        raw.line()
        raw.command("login alice secret")
        for box in BOXES:
            raw.command(f"CREATE {box}")
        if isinstance(server, dovecot.Dovecot):
            # "c" stands for "x" in what old clients are told
            return [sorted(set(line.decode().split()[-1]) - {"c", "d"}) for box in BOXES
                    for line in raw.command(f"MYRIGHTS {box}") if line.startswith(b"* MYRIGHTS")]
    return [granted(server, box.strip('"')) for box in BOXES]


def granted(server, box):
    names = server.adm("-f", "tab", "acl", "rights", "-u", "alice", box).stdout.splitlines()[-1]
    return sorted(LETTERS[name] for name in names.split())


@NEEDS_DOVECOT
@pytest.mark.parametrize("kind", ["file", "directory", "defaults"])
def test_global_files_give_the_rights_that_dovecot_gives(kind):
    servers = (dovecot.Dovecot(config=dovecot.CONFIG + text(" imap_acl")),
               culver.Server(config=culver.CONFIG + text("")))
    found = []
    for server in servers:
        write_global(server, kind)
        with server:
            found.append(my_rights(server))
    assert len(found[1]) == len(BOXES)
    assert found[0] == found[1]


def creates(server, list_of_the_top):
    """Who may make what: the answers."""
    (server.dir / "global" / "acl" / "Sub").mkdir(parents=True)
    (server.dir / "global" / "acl" / ".DEFAULT").write_text(list_of_the_top)
    (server.dir / "global" / "acl" / "Sub" / ".DEFAULT").write_text("owner lr\n")
    with server, server.raw() as raw:
        raw.line()
        raw.command("login alice secret")
        return [raw.command(f"CREATE {name}")[-1].split()[1]
                for name in ("Top", "Sub", "Sub/below", "Top/below", "Other/deep")]


@NEEDS_DOVECOT
@pytest.mark.parametrize("top", ["owner lr\n", "owner lrk\n", "anyone lr\n", ""])
def test_the_top_has_a_list_of_its_own(top):
    assert creates(culver.Server(config=culver.CONFIG + text("")), top) == creates(
        dovecot.Dovecot(config=dovecot.CONFIG + text(" imap_acl")), top)


def test_the_file_is_replaced_while_a_session_runs():
    extra = text("").format(dir="{dir}").replace("/acl\n}", "/acl:cache_secs=0\n}")
    with culver.Server(config=culver.CONFIG) as server:
        write_global(server, "file")
        server.write_config(extra.replace("{dir}", str(server.dir)))
        server.stop()
        server.start()
        client = server.imap()
        client.create("Plain")
        assert client.append("Plain", None, None, b"a: b\r\n\r\nc\r\n")[0] == "OK"
        new = server.dir / "global" / "new"
        new.write_text("Plain owner lr\n")
        new.rename(server.dir / "global" / "acl")
        assert granted(server, "Plain") == ["l", "r"]
        assert b"NOPERM" in client.append("Plain", None, None, b"a: b\r\n\r\nc\r\n")[1][0]
        # what cannot be read gives nothing
        new.write_text("Plain owner lr\nnonsense\n")
        new.rename(server.dir / "global" / "acl")
        assert client.select("Plain")[0] == "NO"
        assert "global/acl" in server.log


@NEEDS_DOVECOT
@pytest.mark.parametrize("location", ["mbox:~/mail", "mbox:~/mail:CONTROL=~/control", "sdbox:~/dbox",
                                      "maildir:~/Maildir"])
def test_the_lists_that_dovecot_keeps_beside_mailboxes_are_read(location):
    imap_acl = "mail_plugins = acl\nprotocol imap {\n  mail_plugins = acl imap_acl\n}\n" \
        "plugin {\n  acl = vfile\n}\n"
    with dovecot.Dovecot(imap_acl, config=dovecot.CONFIG.replace("maildir:~/Maildir", location)) as server:
        with server.raw() as raw:
            raw.line()
            raw.command("login alice secret")
            for box in ("Work", "Lists/a"):
                raw.command(f"CREATE {box}")
                if "CONTROL" in location:       # it does not make it itself
                    control = server.home("alice") / "control"
                    made = control.joinpath(*box.split("/")[:-1], ".imap", box.split("/")[-1])
                    made.mkdir(parents=True)
                    for path in (control, *control.rglob("*")):
                        shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)
                assert b"OK" in raw.command(f"SETACL {box} bob lrx")[-1]
        server.stop()
        with culver.Server(config=culver.CONFIG.replace("maildir:~/Maildir", location)) as ours:
            shutil.rmtree(ours.home("alice"), ignore_errors=True)
            shutil.copytree(server.home("alice"), ours.home("alice"))
            for path in (ours.home("alice"), *ours.home("alice").rglob("*")):
                shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)
            for box in ("Work", "Lists/a"):
                said = ours.adm("-f", "tab", "acl", "get", "-u", "alice", box).stdout
                assert "user=bob\tlookup read delete" in said
            # a change here counts from then on
            ours.adm("acl", "set", "-u", "alice", "Work", "user=bob", "lookup")
            said = ours.adm("-f", "tab", "acl", "get", "-u", "alice", "Work").stdout
            assert "user=bob\tlookup\n" in said
