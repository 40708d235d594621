"""The codes of mistakes in the shape of a document: their titles, and what `jackfield explain` tells of each."""

from __future__ import annotations

from collections.abc import Mapping

UNKNOWN_FIELD = "E210"
MISSING_FIELD = "E211"
WRONG_TYPE = "E212"
NOT_ONE_OF = "E213"
BADLY_WRITTEN = "E214"
OUT_OF_RANGE = "E215"
WRONG_LENGTH = "E216"
NOT_EXACTLY_ONE = "E217"
NOT_VALID = "E218"

SHAPE_CODES: Mapping[str, tuple[str, str]] = {
    UNKNOWN_FIELD: (
        "a field that is not known",
        """\
The field does not exist in this place. It may be misspelt, or stand in the wrong mapping: then the message says where
it belongs. Mind the indentation, which is what tells YAML the mapping that a field is in.

wrong:
  delivery:
    concurency: 16

right:
  delivery:
    concurrency: 16
""",
    ),
    MISSING_FIELD: (
        "a field that is needed is missing",
        """\
The mapping lacks a field that has no default.

wrong:
  - call:
      path: /orders

right:
  - call:
      app: shop
      path: /orders
""",
    ),
    WRONG_TYPE: (
        "a value of the wrong type",
        """\
The field takes another type of value: a text, a number, true or false, a list (each item begins with `- `) or a
mapping (`name: value`). Quotes make a text of anything; a number must have none.

wrong:
  headers: {X-Version: 2}
  env: REGION

right:
  headers: {X-Version: "2"}
  env: [REGION]
""",
    ),
    NOT_ONE_OF: (
        "a value that is not among the possible ones",
        """\
The field takes only the values that the message lists. Upper and lower case matter.

wrong:
  method: post

right:
  method: POST
""",
    ),
    BADLY_WRITTEN: (
        "a value that is not written as it must be",
        """\
The field has a form of its own. Durations are numbers with a unit: 200ms, 10s, 1m30s, 2h, 7d. Sizes are whole numbers
with Ki, Mi, Gi (powers of 1024), K, M or G (powers of 1000), or nothing for bytes. Names have letters, digits, `.`,
`_` and `-`. An app's address begins with http:// or https://.

wrong:
  timeout: ten seconds

right:
  timeout: 10s
""",
    ),
    OUT_OF_RANGE: (
        "a number that is too small or too large",
        """\
The message says which numbers are possible.

wrong:
  retry: {maxAttempts: 0}

right:
  retry: {maxAttempts: 1} # the first attempt counts
""",
    ),
    WRONG_LENGTH: (
        "a text or a list that is too short or too long",
        """\
The message says how many characters or items are possible.

wrong:
  - name: rootPath
    value: ""

right:
  - name: rootPath
    value: data/uploads
""",
    ),
    NOT_EXACTLY_ONE: (
        "a step or an end of a pipeline that is not exactly one thing",
        """\
Each step does one thing, and the order of the list is the order in which they are done. An input, an output and
`deadLetter` are a `binding`, or a `topic` of a `pubsub`.

wrong:
  steps:
    - filter: data.total > 0
      split: data.items

right:
  steps:
    - filter: data.total > 0
    - split: data.items
""",
    ),
    NOT_VALID: (
        "a value that does not fit its schema",
        """\
The value breaks a rule that only this field has; the message names the keyword of JSON Schema, and
`jackfield schema TYPE` prints the schema.

wrong:
  - name: brokers # `uniqueItems`
    value: [one:9092, one:9092]

right:
  - name: brokers
    value: [one:9092, two:9092]
""",
    ),
}
