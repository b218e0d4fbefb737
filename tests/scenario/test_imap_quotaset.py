"""QUOTASET [RFC9208 4.1.3] with a provider from outside of the tree that takes new
limits (tests/abi/quota-settable.c)."""
import pytest

import culver
from test_imap_fuzzy import copied
from test_imap_plugins import SOURCES, build
from test_imap_quota import MAIL, login, said


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = copied(tmp_path_factory.mktemp("quota"))
    build(folder, "quota-settable", SOURCES / "quota-settable.c")
    with culver.Server(extra=f"mail_plugin_dir = {folder}\nmail_plugins = quota-settable\n",
                       users={"alice": "secret", "bob": "secret"}) as s:
        yield s


@pytest.fixture
def raw(server):
    with login(server) as raw:
        said(raw, "DELETE box")
        said(raw, "CREATE box")
        yield raw


def append(raw, size=len(MAIL)):
    mail = MAIL[:size].decode()
    return said(raw, f"APPEND box {{{len(mail)}+}}\r\n{mail}")[-1]


def test_capability(raw):
    words = set(said(raw, "CAPABILITY")[0].split())
    assert {"QUOTA", "QUOTASET", "QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE"} <= words
    # what the provider does not count is not there
    assert "QUOTA=RES-MAILBOX" not in words


def test_limits_are_set_and_hold(raw):
    assert said(raw, "SETQUOTA mine (MESSAGE 2 STORAGE 510)") == [
        '* QUOTA mine (STORAGE 0 510 MESSAGE 0 2)', "x OK Setquota completed."]
    assert said(raw, "GETQUOTA mine")[0] == '* QUOTA mine (STORAGE 0 510 MESSAGE 0 2)'
    for _ in range(2):
        assert append(raw).startswith("x OK [APPENDUID ")
    assert append(raw).startswith("x NO [OVERQUOTA] ")
    assert said(raw, "GETQUOTAROOT box")[1] == "* QUOTA mine (STORAGE 4 510 MESSAGE 2 2)"
    # below what there is: nothing goes, and nothing comes [RFC9208 4.1.3]
    assert said(raw, "SETQUOTA mine (MESSAGE 1)")[-1].startswith("x OK")
    assert "MESSAGES 2" in said(raw, "STATUS box (MESSAGES)")[0]
    assert append(raw, 100).startswith("x NO [OVERQUOTA] ")


def test_what_is_not_listed_has_no_limit(raw):
    said(raw, "SETQUOTA mine (MESSAGE 1 STORAGE 1)")
    assert append(raw).startswith("x NO [OVERQUOTA] ")
    assert said(raw, "SETQUOTA mine (MESSAGE 1)") == [
        "* QUOTA mine (MESSAGE 0 1)", "x OK Setquota completed."]
    assert append(raw).startswith("x OK")
    assert append(raw).startswith("x NO [OVERQUOTA] ")
    assert said(raw, "SETQUOTA mine ()") == ["* QUOTA mine ()", "x OK Setquota completed."]
    assert append(raw).startswith("x OK")


def test_what_cannot_be_set(raw):
    said(raw, "SETQUOTA mine (MESSAGE 7)")
    for wrong in ("BOXES 1", "MESSAGE 1 MAILBOX 5", "ANNOTATION-STORAGE 1"):
        assert said(raw, f"SETQUOTA mine ({wrong})") == ["x NO [CANNOT] Resource is not supported."]
    assert said(raw, "SETQUOTA other (MESSAGE 1)")[0].startswith("x NO [NONEXISTENT]")
    assert said(raw, "GETQUOTA mine")[0] == "* QUOTA mine (MESSAGE 0 7)"


def test_whom_the_provider_refuses(server):
    with login(server, "bob") as raw:
        assert said(raw, "SETQUOTA mine (MESSAGE 1)")[-1].startswith("x NO [NOPERM]")
        assert said(raw, "GETQUOTA mine")[0] == "* QUOTA mine ()"
