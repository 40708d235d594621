"""The codes of mistakes in what expressions mean, and in what pipelines do together."""

from __future__ import annotations

from collections.abc import Mapping

MEANING_CODES: Mapping[str, tuple[str, str]] = {
    "E409": (
        "a name that nothing has",
        """\
The value is known, and has nothing of this name: an attribute that no event can have, or that is one letter away from
one that it has; a key that the input does not give; a field that a `transform` before did not make; a method that does
not exist. An attribute or a field that may be absent is read with `event.get('name')`.

wrong:
  - filter: event.subjct.endsWith('.jpg')

right:
  - filter: event.subject.endswith('.jpg')
""",
    ),
    "E410": (
        "an expression whose value does not fit its place",
        """\
`filter` and `when` are true or false, `split` is a list, a key of `orderBy` or `deduplicate` is a text or a number, and
so are the attributes of an event, headers, and the metadata of an operation. This expression gives something else for
every event.

wrong:
  - filter: event.subject

right:
  - filter: event.subject != ''
""",
    ),
    "E411": (
        "an operation that does not work on these values",
        """\
A text and a number cannot be compared with `<`, added or subtracted; a filter such as `length` takes no number. The
attributes of an event, its metadata and environment variables are texts; what the data are, the JSON Schema of a
`validate` step says.

wrong:
  - filter: metadata.size > 1000

right:
  - filter: metadata.size | int > 1000
""",
    ),
    "E412": (
        "a condition that is never true",
        """\
No event can make it true: it compares a value with one that it never has, or says of one value what cannot be said of
it at once.

wrong:
  - filter: data.state == 'paid' and data.state == 'sent'

right:
  - filter: data.state == 'paid' or data.state == 'sent'
  - filter: data.state in ['paid', 'sent']
""",
    ),
    "E413": (
        "a field that the schema of the data does not allow",
        """\
A `validate` step before says what the data are, and its schema allows no other fields (`additionalProperties: false`).
Data that have this field are dead-lettered there, so that it is always missing here.

wrong:
  - validate: {properties: {total: {type: number}}, additionalProperties: false}
  - filter: data.totl > 10

right:
  - filter: data.total > 10
""",
    ),
    "W402": (
        "a condition that is always the same",
        """\
Every event passes it, or none does. `filter: false` may be meant, to switch a pipeline off; a condition that is always
true can be left out.

wrong:
  - when: data.state != 'paid' or data.state != 'sent'

right:
  - when: data.state != 'paid' and data.state != 'sent'
""",
    ),
    "W403": (
        "a field that the schema of the data does not list",
        """\
The schema of a `validate` step before lists a field of nearly this name. It allows others as well, so that this one may
be right: then list it too.

wrong:
  - validate: {properties: {customerId: {type: string}}}
  - transform: {customer: "{{ data.customer_id }}"}

right:
  - transform: {customer: "{{ data.customerId }}"}
""",
    ),
    "W404": (
        "an order that a split ends",
        """\
`orderBy` puts the messages in order that come in. The events that a later `split` makes of one message have its key
together, and are delivered side by side, in no order.

wrong:
  steps:
    - split: data.items
  delivery: {orderBy: data.customer}

right:
  put the items into a queue of their own, and read that with `orderBy` in a second pipeline
""",
    ),
    "E308": (
        "a loop of pipelines that nothing ends",
        """\
An output puts its events where the input takes them, perhaps through other pipelines, and no `filter`, `when` or `call`
on the way can end them: each event goes round for ever.

wrong:
  input: {binding: orders}
  outputs:
    - binding: orders

right:
  input: {binding: orders}
  outputs:
    - binding: priced-orders
""",
    ),
    "W301": (
        "a loop of pipelines that only an app can end",
        """\
An output puts its events where the input takes them, perhaps through other pipelines, and only the answer 204 of an app
on the way ends them. Where that is meant, a `when` at the output says so, and this is no longer told.

right:
  outputs:
    - binding: orders
      when: data.next is defined
""",
    ),
    "W302": (
        "metadata of an operation that the output does not know",
        """\
The component type knows a key of nearly this name, and none of this. What it does not know has no effect.

wrong:
  - binding: files
    metadata: {filename: "{{ event.subject }}"}

right:
  - binding: files
    metadata: {fileName: "{{ event.subject }}"}
""",
    ),
    "W501": (
        "a secret in the clear",
        """\
A value that is a secret stands in the file, and with it in backups and version control. A secret store keeps it
elsewhere; `envRef` takes it from the environment.

wrong:
  - name: securityToken
    value: a-secret

right:
  - name: securityToken
    secretKeyRef: {name: shop, key: token}
""",
    ),
}
