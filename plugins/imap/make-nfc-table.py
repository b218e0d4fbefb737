#!/usr/bin/env python3
"""Writes imap-nfc-table.c: canonical decompositions and combining classes of
the Unicode version that this Python knows."""
import sys
import unicodedata as u

pairs, classes = [], []
for code in range(0x110000):
    c = chr(code)
    if 0xAC00 <= code < 0xD7A4:
        continue                    # by rule
    d = u.decomposition(c)
    if d and not d.startswith("<"):
        parts = [int(x, 16) for x in d.split()]
        first, second = parts[0], parts[1] if len(parts) > 1 else 0
        # those that come together again
        composes = u.normalize("NFC", c) == c
        pairs.append((code, first, second, int(composes)))
    cc = u.combining(c)
    if cc:
        if classes and classes[-1][1] == code - 1 and classes[-1][2] == cc:
            classes[-1][1] = code
        else:
            classes.append([code, code, cc])


def rows(items, per_line):
    lines = []
    for i in range(0, len(items), per_line):
        lines.append("\t" + " ".join(items[i:i + per_line]))
    return "\n".join(lines)


out = open(sys.argv[1], "w")
out.write(f"""/* imap-nfc-table.c - made by make-nfc-table.py from Unicode {u.unidata_version}: the
 * canonical decompositions and combining classes [UAX15]. */
#include "imap-nfc.h"

const struct imap_nfc_pair imap_nfc_pairs[] = {{
{rows([f"{{ 0x{a:x}, 0x{b:x}, 0x{c:x}, {d} }}," for a, b, c, d in pairs], 2)}
}};
const size_t imap_nfc_pair_count =
	sizeof(imap_nfc_pairs) / sizeof(imap_nfc_pairs[0]);

const struct imap_nfc_class imap_nfc_classes[] = {{
{rows([f"{{ 0x{a:x}, 0x{b:x}, {c} }}," for a, b, c in classes], 3)}
}};
const size_t imap_nfc_class_count =
	sizeof(imap_nfc_classes) / sizeof(imap_nfc_classes[0]);
""".replace(" [UAX15]", ""))
out.close()
