"""The codes of mistakes in files and in their YAML: their titles, and what `jackfield explain` tells of each."""

from __future__ import annotations

from collections.abc import Mapping

READING_CODES: Mapping[str, tuple[str, str]] = {
    "W101": (
        "a file with nothing in it",
        """\
The file is empty, or has only comments. It does no harm; a definition that was put in comments to switch it off looks
like this as well.

right:
  apiVersion: jackfield/v1
  kind: Pipeline
  ...
""",
    ),
    "E101": (
        "a file or folder that cannot be read",
        """\
The operating system refuses it: the rights are missing, the file vanished while the folder was read, or it is no
regular file. Files and folders whose names begin with a dot are skipped.

wrong:
  -rw------- root orders.yaml   # and the engine runs as another user

right:
  chmod a+r orders.yaml
""",
    ),
    "E102": (
        "a file that is too large",
        """\
A definition has at most 1 MiB. What is larger is mostly data that got into the folder by mistake.

right:
  split it into several files, or keep it outside of the definitions folder
""",
    ),
    "E103": (
        "a file that is not UTF-8 text",
        """\
The file is binary, or text in another encoding such as UTF-16 or Latin-1. The message names the first byte that does
not fit.

right:
  iconv --from-code LATIN1 --to-code UTF-8 orders.yaml
""",
    ),
    "E104": (
        "a text that is no YAML",
        """\
The text breaks the rules of YAML, and the rest of its document cannot be read; other documents of the file can. Most
often a value needs quotes: one that starts with `*`, `&`, `@`, `%`, `[` or `{`, or that has `: ` or ` #` in it.

wrong:
  schedule: */5 * * * *
  subject: {{ data.id }} is new
  title: Orders: all of them

right:
  schedule: "*/5 * * * *"
  subject: "{{ data.id }} is new"
  title: "Orders: all of them"
""",
    ),
    "E105": (
        "a tab in the indentation",
        """\
YAML is indented with spaces. Most editors can be told to insert spaces when the tab key is pressed.

wrong:
  spec:
  <tab>input: {binding: orders}

right:
  spec:
    input: {binding: orders}
""",
    ),
    "E106": (
        "a key that is there twice",
        """\
A mapping has each key once: of two, one would be lost without a word. Both places are shown.

wrong:
  delivery:
    concurrency: 4
    concurrency: 16

right:
  delivery:
    concurrency: 16
""",
    ),
    "E107": (
        "a key that is no text",
        """\
Keys are plain texts. A template without quotes looks like such a key, because braces are YAML's mappings.

wrong:
  subject: {{ metadata.key }}

right:
  subject: "{{ metadata.key }}"
""",
    ),
    "E108": (
        "a document that is nested too deeply or too large",
        """\
A document may be nested 64 deep and hold 100,000 values, those counted that aliases (`*name`) repeat. Nobody writes
that by hand; a file that grows without end when its aliases are expanded is an old attack.

wrong:
  a: &a [x, x, x, x, x, x, x, x, x]
  b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
  c: [*b, *b, *b, *b, *b, *b, *b, *b, *b] # and so on
""",
    ),
    "E109": (
        "an alias that stands for nothing, for itself or for two things",
        """\
`&name` marks a value, and `*name` repeats it later in the same document. The name must have been given before, once,
and not around the alias. A value that merely starts with `*` needs quotes.

wrong:
  pattern: *.jpg

right:
  pattern: "*.jpg"
""",
    ),
    "E110": (
        "a tag, or a merge of what is no mapping",
        """\
Tags such as `!!python/object` or `!secret` have no meaning in a definition; text, numbers, true, false, null, lists
and mappings are all there is. `<<` merges the fields of a mapping that was marked with `&name`.

wrong:
  password: !secret rabbitmq

right:
  - name: password
    secretKeyRef: {name: rabbitmq, key: password}
""",
    ),
}
