"""PREVIEW [RFC8970]: how a message begins."""
from test_imap_session import box, wire  # noqa: F401

PLAIN = b"Subject: x\r\n\r\nPreview text!\r\n> quoted\r\n"
BOTH = (b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Only <b>HTML</b> &amp; more</p>\r\n"
        b"--b--\r\n")
WORDS = ("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
         "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n").encode()
PICTURE = (b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: image/png\r\n"
           b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n")


def test_the_text_of_a_message(box):  # noqa: F811
    assert " PREVIEW " in box.do("CAPABILITY")[0]
    for message in (PLAIN, BOTH, WORDS, PICTURE):
        box.append(message, box.name)
    assert box.do("FETCH 4 (PREVIEW)")[0] == '* 4 FETCH (PREVIEW "Preview text!")'
    assert box.do("FETCH 5 PREVIEW")[0] == '* 5 FETCH (PREVIEW "Only HTML & more")'
    text = "Grüße".encode()
    assert box.do("FETCH 6 (UID PREVIEW)")[0].encode("latin-1") \
        == b"* 6 FETCH (UID 6 PREVIEW {%d}\r\n%s)" % (len(text), text)
    # [RFC8970 3.2] never NIL without LAZY
    assert box.do("FETCH 7 (PREVIEW)")[0] == '* 7 FETCH (PREVIEW "")'


def test_lazy(box):  # noqa: F811
    box.append(PLAIN, box.name)
    lines = box.do("FETCH 1:4 (PREVIEW (LAZY) UID)")
    assert len(lines) == 5
    assert all("PREVIEW NIL" in line or 'PREVIEW "' in line for line in lines[:4])
    assert box.do("FETCH 4 PREVIEW (LAZY)")[0] in ("* 4 FETCH (PREVIEW NIL)",
                                                   '* 4 FETCH (PREVIEW "Preview text!")')
    # what was asked for without it does not change
    for _ in range(2):
        assert box.do("FETCH 4 (PREVIEW)")[0] == '* 4 FETCH (PREVIEW "Preview text!")'
    for wrong in ("FETCH 1 (PREVIEW (OTHER))", "FETCH 1 (PREVIEW (LAZY LAZY))",
                  "FETCH 1 (PREVIEW ())"):
        assert " BAD " in box.do(wrong)[-1]


def test_no_more_than_200_characters(box):  # noqa: F811
    box.append(b"Subject: x\r\n\r\n" + b"word " * 1000 + b"\r\n", box.name)
    text = box.do("FETCH 4 PREVIEW")[0].split('"')[1]
    assert text.startswith("word word") and 150 < len(text) <= 200
