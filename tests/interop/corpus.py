#!/usr/bin/env python3
"""corpus.py DIRECTORY: writes the messages that Culver and Dovecot are
compared with.

Over 50 shapes, each in several variants (line ends LF, CRLF and mixed among
them); the same bytes on every run and machine.  Each shape is a function
that returns one message with "\\n" line ends, given the number of the
variant.  A message is named NNN-shape.eml; the order is that of the
numbers."""

import base64
import pathlib
import sys

TOTAL = 210
SHAPES = []


def shape(function):
    SHAPES.append(function)
    return function


def head(n, subject="a subject", extra=""):
    return (f"Return-Path: <sender{n}@example.com>\n"
            f"Received: from a.example (a.example [192.0.2.{n}])\n"
            f"\tby b.example; Tue, 13 Jan 2026 10:{n % 60:02}:00 +0100\n"
            f"From: Sender {n} <sender{n}@example.com>\n"
            f"To: Rcpt <rcpt{n}@example.org>\n"
            f"Subject: {subject} {n}\n"
            f"Date: Tue, 13 Jan 2026 10:{n % 60:02}:00 +0100\n"
            f"Message-ID: <{n}.abc@example.com>\n"
            f"{extra}").encode()


def lines(n, count=5):
    return "".join(f"line {i} of text number {n}\n"
                   for i in range(count)).encode()


def mixed(boundary, *parts, preamble=b"", epilogue=b"", end=True):
    b = boundary.encode()
    out = preamble
    for part in parts:
        out += b"--" + b + b"\n" + part + b"\n"
    return out + (b"--" + b + b"--\n" if end else b"") + epilogue


def text(n, kind="plain", charset="utf-8", count=3):
    return (f"Content-Type: text/{kind}; charset={charset}\n\n").encode() \
        + lines(n, count)


def ctype(value):
    return f"MIME-Version: 1.0\nContent-Type: {value}\n"


@shape
def plain(n):
    return head(n) + b"\n" + lines(n, n + 1)


@shape
def no_headers(n):
    return b"\n" + lines(n)


@shape
def headers_only(n):
    return head(n)


@shape
def headers_no_end(n):
    return head(n)[:-1]


@shape
def empty_body(n):
    return head(n) + b"\n"


@shape
def no_final_newline(n):
    return head(n) + b"\n" + lines(n) + b"the end"


@shape
def alternative(n):
    return head(n, extra=ctype(f'multipart/alternative; boundary="alt{n}"')) \
        + b"\n" + mixed(f"alt{n}", text(n), text(n, "html"))


@shape
def nested(n):
    inner = mixed("in", text(n), text(n, "html"))
    related = mixed("rel", b"Content-Type: multipart/alternative;\n"
                    b" boundary=in\n\n" + inner,
                    b"Content-Type: image/png; name=a.png\n"
                    b"Content-ID: <img@x>\n"
                    b"Content-Transfer-Encoding: base64\n"
                    b"Content-Disposition: inline; filename=\"a.png\"\n\n"
                    + base64.encodebytes(bytes(range(200))))
    return head(n, extra=ctype("multipart/mixed; boundary=out")) + b"\n" \
        + mixed("out", b"Content-Type: multipart/related; boundary=rel\n\n"
                + related, text(n), preamble=b"This is MIME.\n",
                epilogue=b"after\n")


@shape
def message_in_message(n):
    inner = head(n + 1, "inner") + b"\n" + lines(n)
    middle = head(n + 2, "middle", ctype("message/rfc822")) + b"\n" + inner
    return head(n, extra=ctype("multipart/mixed; boundary=m")) + b"\n" \
        + mixed("m", text(n), b"Content-Type: message/rfc822\n\n" + middle)


@shape
def message_with_parts_in_message(n):
    inner = head(n + 1, "inner", ctype("multipart/mixed; boundary=deep")) \
        + b"\n" + mixed("deep", text(n), text(n, "html"))
    return head(n, extra=ctype("message/rfc822")) + b"\n" + inner


@shape
def digest(n):
    return head(n, extra=ctype("multipart/digest; boundary=d")) + b"\n" \
        + mixed("d", b"\n" + head(n, "one") + b"\n" + lines(n),
                b"Content-Type: text/plain\n\n" + lines(n),
                b"\n" + head(n, "two") + b"\n" + lines(n))


@shape
def eight_bit_headers(n):
    return head(n).replace(b"Sender", "Sénder Ü".encode("latin-1")) \
        + b"Cc: \xe4\xf6\xfc <u@example.net>, \xc3\xa4 <v@example.net>\n" \
        + b"X-Odd: \xff\xfe\n\n\xe4\xf6\xfc\n"


@shape
def utf8_headers(n):
    return head(n, "grüße €", "Cc: Jürgen Groß <j@exämple.de>\n") \
        + "\nkörper\n".encode()


@shape
def encoded_words(n):
    return head(n, "=?utf-8?B?R3LDvMOfZQ==?= =?iso-8859-1?Q?_=FCber?=",
                "Cc: =?utf-8?q?J=C3=BCrgen?= <j@example.de>,\n"
                " =?utf-8?q?two?=\n =?utf-8?q?words?= <k@example.de>\n") \
        + b"\n" + lines(n)


@shape
def rfc2231(n):
    return head(n, extra=ctype(
        "application/octet-stream;\n name*0*=utf-8''%E2%82%AC%20;\n"
        " name*1*=rest;\n name*2=\" plain.txt\"") +
        "Content-Disposition: attachment; filename*=iso-8859-1'en'%A3.txt\n"
        ) + b"\nbytes\n"


@shape
def rfc2231_plain_parts(n):
    return head(n, extra=ctype(
        "application/octet-stream; name*0=\"one \"; name*1=two") +
        "Content-Disposition: attachment; filename*1=b; filename*0=a\n") \
        + b"\nbytes\n"


@shape
def folded(n):
    to = ",\n ".join(f"Person {i} <p{i}@example.com>" for i in range(n + 20))
    return head(n, "folded\n\tsubject\n  twice", f"Cc: {to}\n") + b"\n" \
        + lines(n)


@shape
def large_attachment(n):
    size = 20 * 1024 * 1024 if n == 0 else 100000 * n
    block = bytes((i * 7 + n) % 256 for i in range(57 * 64))
    encoded = base64.encodebytes(block)
    data = encoded * (size // len(encoded) + 1)
    return head(n, extra=ctype("multipart/mixed; boundary=big")) + b"\n" \
        + mixed("big", text(n),
                b"Content-Type: application/pdf; name=big.pdf\n"
                b"Content-Disposition: attachment; filename=big.pdf; size=1\n"
                b"Content-Transfer-Encoding: base64\n\n" + data)


@shape
def missing_end_boundary(n):
    return head(n, extra=ctype("multipart/mixed; boundary=e")) + b"\n" \
        + mixed("e", text(n), text(n, "html"), end=False)


@shape
def missing_boundary_parameter(n):
    return head(n, extra=ctype("multipart/mixed")) + b"\n" \
        + mixed("x", text(n))


@shape
def wrong_boundary(n):
    return head(n, extra=ctype("multipart/mixed; boundary=right")) + b"\n" \
        + mixed("wrong", text(n), text(n))


@shape
def boundary_of_parent_reused(n):
    return head(n, extra=ctype("multipart/mixed; boundary=same")) + b"\n" \
        + mixed("same", b"Content-Type: multipart/mixed; boundary=same\n\n"
                + mixed("same", text(n)), text(n))


@shape
def boundary_prefix_of_parent(n):
    return head(n, extra=ctype("multipart/mixed; boundary=abcdef")) + b"\n" \
        + mixed("abcdef", b"Content-Type: multipart/mixed; boundary=abc\n\n"
                + mixed("abc", text(n), text(n)), text(n))


@shape
def boundary_with_child_as_prefix(n):
    return head(n, extra=ctype("multipart/mixed; boundary=abc")) + b"\n" \
        + mixed("abc", b"Content-Type: multipart/mixed; boundary=abcdef\n\n"
                + mixed("abcdef", text(n), text(n)), text(n))


@shape
def boundary_with_blanks_behind(n):
    body = mixed("sp", text(n), text(n))
    return head(n, extra=ctype("multipart/mixed; boundary=sp")) + b"\n" \
        + body.replace(b"--sp\n", b"--sp  \t\n").replace(b"--sp--\n",
                                                         b"--sp-- \n")


@shape
def boundary_special(n):
    name = "=_(odd) '+_,-./:=?"
    return head(n, extra=ctype(f'multipart/mixed;\n boundary="{name}"')) \
        + b"\n" + mixed(name, text(n), text(n))


@shape
def boundary_missing_inner_end(n):
    inner = mixed("inner", text(n), text(n), end=False)
    return head(n, extra=ctype("multipart/mixed; boundary=outer")) + b"\n" \
        + mixed("outer", b"Content-Type: multipart/mixed; boundary=inner\n\n"
                + inner, text(n))


@shape
def part_without_blank_line(n):
    return head(n, extra=ctype("multipart/mixed; boundary=nb")) + b"\n" \
        + b"--nb\nContent-Type: text/html\n--nb\n\nsecond\n--nb--\n"


@shape
def empty_parts(n):
    return head(n, extra=ctype("multipart/mixed; boundary=ep")) + b"\n" \
        + b"--ep\n\n--ep\n--ep\nContent-Type: text/html\n\n--ep--\n"


@shape
def no_parts(n):
    return head(n, extra=ctype("multipart/mixed; boundary=np")) \
        + b"\nonly a preamble\n--np--\nand an epilogue\n"


@shape
def multipart_without_body(n):
    return head(n, extra=ctype("multipart/mixed; boundary=nb"))


@shape
def groups(n):
    return head(n, extra="Cc: Friends: a@example.com, B <b@example.com>;,\n"
                " Nobody:;, c@example.com\n"
                "Bcc: undisclosed-recipients:;\n") + b"\n" + lines(n)


@shape
def odd_addresses(n):
    return head(n, extra='Cc: "Quoted, Name" <q@example.com>,\n'
                ' (comment) c@example.com (Name in Comment),\n'
                ' <@route1.example,@route2.example:r@example.com>,\n'
                ' "odd local"@example.com, d . e @ example . com,\n'
                ' John Q. Public <j@example.com>, x@[192.0.2.1]\n'
                'Reply-To: "a\\"b\\\\c" <esc@example.com>\n') + b"\n"


@shape
def broken_addresses(n):
    cases = ["nobody", "<>", "a@", "@b", "a b <c@d", '"open <a@b>',
             "a@b@c", "a@b c@d", "<a@b>x", "((deep (comment) a@b", ",,,",
             "name: a@b", "name <a b@c>", ";", "a@b; c@d"]
    return head(n, extra=f"Cc: {cases[n % len(cases)]}\n") + b"\n"


@shape
def several_fields_of_a_kind(n):
    return head(n, extra="To: second@example.com\nFrom: other@example.com\n"
                "Cc: a@example.com\nCc: b@example.com\n"
                "Sender: s@example.com\n"
                "In-Reply-To: <one@x>\n <two@x>\n") + b"\n"


@shape
def several_subjects(n):
    return head(n, extra="Subject: again\nDate: Wed, 14 Jan 2026 10:00:00 "
                "+0000\nMessage-ID: <second@x>\n") + b"\n"


@shape
def all_mime_fields(n):
    part = (b"Content-Type: text/plain; charset=utf-8; format=flowed\n"
            b"Content-Disposition: attachment; filename=\"a b.txt\";\n"
            b" creation-date=\"Tue, 13 Jan 2026 10:00:00 +0100\"\n"
            b"Content-Language: en, de-DE\n"
            b"Content-Location: http://example.com/a%20b\n"
            b"Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\n"
            b"Content-ID: <part@example.com>\n"
            b"Content-Description: a \"described\" part\n"
            b"Content-Transfer-Encoding: 8BIT\n\nbody\n")
    return head(n, extra=ctype("multipart/mixed; boundary=all;\n"
                               " type=\"x\"") +
                "Content-Language: fr\nContent-Disposition: inline\n"
                "Content-Location: loc\n") \
        + b"\n" + mixed("all", part, part)


@shape
def bad_content_types(n):
    cases = ["text", "text/", "/plain", "", "text/plain;", "text plain",
             "text/plain; charset", "text/plain; =x", "text/plain charset=x",
             "text/html;;; charset=x", '"text"/plain', "text/plain; a=b c",
             "text/plain; a=\"open", "text/(comment)plain; a=b (c)"]
    return head(n, extra=ctype(cases[n % len(cases)])) + b"\n" + lines(n)


@shape
def quoted_printable(n):
    return head(n, extra=ctype("text/plain; charset=iso-8859-1") +
                "Content-Transfer-Encoding: quoted-printable\n") \
        + b"\na=E4=F6 soft=\nbreak \t\n=3D=zz\n"


@shape
def base64_body(n):
    return head(n, extra=ctype("image/gif") +
                "Content-Transfer-Encoding: BASE64\n") + b"\n" \
        + base64.encodebytes(bytes(range(256)) * (n + 1))


@shape
def nul_bytes(n):
    return head(n, "nul \0 in it") + b"\nbody\0with\0nuls\n"


@shape
def bare_cr(n):
    return head(n) + b"\na\rb\r\r\nc\n\r\nd\r"


@shape
def long_lines(n):
    return head(n, "x" * 3000) + b"\n" + b"y" * (200000 + n) + b"\nend\n"


@shape
def line_without_colon(n):
    return head(n) + b"this is no header field\nX-After: yes\n\nbody\n"


@shape
def blank_continuation(n):
    return head(n, "one\n \n two") + b"X: y\n\t\n\nbody\n"


@shape
def mbox_from_line(n):
    return b"From someone Tue Jan 13 10:00:00 2026\n" + head(n) + b"\nbody\n"


@shape
def preamble_and_epilogue(n):
    return head(n, extra=ctype("multipart/mixed; boundary=pe")) + b"\n" \
        + mixed("pe", text(n), preamble=lines(n), epilogue=lines(n)) \
        + b"no newline at the end"


@shape
def deep(n):
    depth = 10 + 5 * n
    body = text(n)
    for i in range(depth):
        body = f"Content-Type: multipart/mixed; boundary=\"d{i}.\"\n\n" \
            .encode() + mixed(f"d{i}.", body)
    return head(n) + b"MIME-Version: 1.0\n" + body


@shape
def many_parts(n):
    return head(n, extra=ctype("multipart/mixed; boundary=mp")) + b"\n" \
        + mixed("mp", *[text(i, count=1) for i in range(100 * (n + 1))])


@shape
def content_type_twice(n):
    return head(n, extra=ctype("text/html; charset=a") +
                ctype("text/plain; charset=b") +
                "Content-Transfer-Encoding: 8bit\n"
                "Content-Transfer-Encoding: base64\n"
                "Content-Disposition: inline\n"
                "Content-Disposition: attachment\n") + b"\nbody\n"


@shape
def unknown_encoding(n):
    return head(n, extra=ctype("text/plain") +
                "Content-Transfer-Encoding: x-uuencode (comment)\n") \
        + b"\nbody\n"


@shape
def base64_message(n):
    return head(n, extra=ctype("multipart/mixed; boundary=bm")) + b"\n" \
        + mixed("bm", b"Content-Type: message/rfc822\n"
                b"Content-Transfer-Encoding: base64\n\n"
                + base64.encodebytes(head(n) + b"\nbody\n"))


@shape
def report(n):
    return head(n, extra=ctype("multipart/report; report-type="
                               "delivery-status; boundary=r")) + b"\n" \
        + mixed("r", text(n),
                b"Content-Type: message/delivery-status\n\n"
                b"Reporting-MTA: dns; a.example\n\nAction: failed\n",
                b"Content-Type: message/partial; id=x; number=1\n\n"
                + head(n) + b"\n",
                b"Content-Type: text/rfc822-headers\n\n" + head(n))


@shape
def signed(n):
    return head(n, extra=ctype("multipart/signed; micalg=pgp-sha256;\n"
                               "\tprotocol=\"application/pgp-signature\";\n"
                               "\tboundary=\"sig\"")) + b"\n" \
        + mixed("sig", text(n),
                b"Content-Type: application/pgp-signature;\n"
                b" name=\"signature.asc\"\n\n-----BEGIN PGP-----\n\n"
                b"abc\n-----END PGP-----\n")


@shape
def blank_before_colon(n):
    return head(n, extra="Cc : c@example.com\nContent-Type : text/html\n"
                "In-Reply-To\t: <a@b>\n") + b"\nbody\n"


@shape
def odd_case(n):
    return head(n, extra="mime-version: 1.0\nCONTENT-TYPE: TEXT/Html; "
                "CharSet=UTF-8\ncontent-transfer-encoding: 7BIT\n") \
        + b"\nbody\n"


@shape
def empty_fields(n):
    return b"From:\nTo: \nSubject:\nDate:\nMessage-ID:\nCc:\n\t\n" \
        b"Content-Type:\nContent-ID:\nContent-Description:\n\nbody\n"


@shape
def empty_message_part(n):
    return head(n, extra=ctype("multipart/mixed; boundary=em")) + b"\n" \
        + mixed("em", b"Content-Type: message/rfc822\n\n",
                b"Content-Type: message/rfc822\n\nSubject: only\n",
                b"Content-Type: message/rfc822\n")


@shape
def dashes(n):
    return head(n, extra=ctype("multipart/mixed; boundary=da")) + b"\n" \
        + mixed("da", text(n) + b"--\n--d\n-- \n---da\n --da\n",
                text(n) + b"----da\n-")


@shape
def quotes_in_strings(n):
    return head(n, 'a "quoted" \\ subject',
                'Cc: "x \\"y\\" \\\\" <"a\\"b"@example.com>\n' +
                ctype('text/plain; name="a \\"b\\" \\\\c"')) + b"\nbody\n"


def messages():
    """Yields (name, bytes)."""
    for number in range(TOTAL):
        make = SHAPES[number % len(SHAPES)]
        variant = number // len(SHAPES)
        data = make(variant)
        ends = (number + variant) % 3
        if ends == 1:
            data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        elif ends == 2:
            half = data.find(b"\n", len(data) // 2) + 1
            data = data[:half].replace(b"\n", b"\r\n") + data[half:]
        yield f"{number:03}-{make.__name__}.eml", data


def write(directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in messages():
        (directory / name).write_bytes(data)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: corpus.py DIRECTORY")
    write(sys.argv[1])
