"""The codes of mistakes in expressions and templates, in secrets, and in files that definitions name."""

from __future__ import annotations

from collections.abc import Mapping

VALUE_CODES: Mapping[str, tuple[str, str]] = {
    "W401": (
        "an environment variable that is not set",
        """\
The pipeline lists the variable, and the process that checks does not have it. In expressions it is an empty text.
`jackfield check --no-secrets` does not look.

right:
  export REGION=eu-west-1
""",
    ),
    "E401": (
        "an expression that cannot be read",
        """\
Expressions are Jinja2, and see `event`, `data`, `metadata`, `env` and `now`. An expression is written bare; in a
template it stands in double braces.

wrong:
  - filter: "{{ data.total > 10 }}"
  - transform: {id: "{{ date.id }}"}

right:
  - filter: data.total > 10
  - transform: {id: "{{ data.id }}"}
""",
    ),
    "E402": (
        "an environment variable that the pipeline does not list",
        """\
Expressions see only the variables that `env` names, so that no secret gets into an event by accident.

wrong:
  spec:
    outputs:
      - binding: files
        metadata: {fileName: "{{ env.REGION }}.json"}

right:
  spec:
    env: [REGION]
    outputs:
      - binding: files
        metadata: {fileName: "{{ env.REGION }}.json"}
""",
    ),
    "E403": (
        "what cannot be the name of an environment variable",
        """\
Names have letters, digits and `_`, and no digit first.

wrong:
  env: [${REGION}]

right:
  env: [REGION]
""",
    ),
    "E404": (
        "an attribute that no CloudEvent can have",
        """\
The attributes of an event follow CloudEvents 1.0: `type` is not empty, `datacontenttype` is a media type, `dataschema`
a URI, `source` a URI reference, and the names of extensions have only a-z and 0-9.

wrong:
  event:
    datacontenttype: json
    extensions: {tenantId: "{{ data.tenant }}"}

right:
  event:
    datacontenttype: application/json
    extensions: {tenantid: "{{ data.tenant }}"}
""",
    ),
    "E405": (
        "a batch in a mode that holds one event",
        """\
`binary` and `structured` are requests with one event; many events in one request are `mode: batch`.

wrong:
  call: {app: shop, mode: structured, batch: {maxEvents: 100}}

right:
  call: {app: shop, mode: batch, batch: {maxEvents: 100}}
""",
    ),
    "E406": (
        "a request for many events that depends on one of them",
        """\
A batch is one request, so that its path and its headers are the same for all events in it; they can use `env` and
`now`. What differs from event to event is in the events.

wrong:
  call: {app: shop, path: "/orders/{{ data.id }}", batch: {maxEvents: 100}}

right:
  call: {app: shop, path: /orders, batch: {maxEvents: 100}}
""",
    ),
    "E407": (
        "a template where none is evaluated",
        """\
An app's address, an operation and the metadata of a binding are settled before there is an event. What differs from
one machine to the next comes from the environment or a secret store, by a Component document.

wrong:
  binding: {type: bindings.localstorage, metadata: {rootPath: "{{ env.FOLDER }}"}}

right:
  - name: rootPath # in the `metadata` of a Component document
    envRef: FOLDER
""",
    ),
    "E408": (
        "what cannot be the name of a header",
        """\
The names of HTTP headers have letters, digits and some signs such as `-`; no spaces and no colon.

wrong:
  headers: {"X Tenant": acme}

right:
  headers: {X-Tenant: acme}
""",
    ),
    "E420": (
        "a key that cannot be parked",
        """\
`onDeadLetter: park` holds back the later events of a key until a person releases it: there must be a key (`orderBy`),
and the dead letters must be in the engine's store.

wrong:
  delivery:
    onDeadLetter: park

right:
  delivery:
    orderBy: data.customer
    onDeadLetter: park
""",
    ),
    "E501": (
        "a secret without a secret store",
        """\
`secretKeyRef` is read from the component that `auth.secretStore` names, which must be of a secret store's type.

wrong:
  spec:
    metadata:
      - {name: password, secretKeyRef: {name: rabbitmq, key: password}}

right:
  spec:
    metadata:
      - {name: password, secretKeyRef: {name: rabbitmq, key: password}}
  auth:
    secretStore: secrets
""",
    ),
    "E502": (
        "a secret store that cannot be opened",
        """\
The store's file is missing or wrong, its server does not answer, or it needs a secret that it holds itself.
`jackfield check --no-secrets` checks all but the secrets.
""",
    ),
    "E503": (
        "a secret that its store does not have",
        """\
The store was read, and has no secret of this name. Upper and lower case matter.
""",
    ),
    "E504": (
        "a key that its secret does not have",
        """\
A secret is a set of keys and values. Where `key` is left out, it is the secret's own name.

wrong:
  secretKeyRef: {name: rabbitmq, key: pasword}

right:
  secretKeyRef: {name: rabbitmq, key: password}
""",
    ),
    "E505": (
        "an environment variable that is the engine's own",
        """\
APP_API_TOKEN and all that begin with DAPR_ are the engine's tokens and settings; as in Dapr, they are not given out.
""",
    ),
    "E506": (
        "an environment variable that is not set",
        """\
`envRef` takes a value from the environment of the engine, and the process that checks does not have it.
`jackfield check --no-secrets` does not look.

right:
  export BROKER_PASSWORD=...
""",
    ),
    "E507": (
        "a placeholder without a value",
        """\
`{uuid}`, `{appID}`, `{namespace}` and `{podName}` in metadata are replaced as in Dapr; the last comes from the
environment variable POD_NAME, which Kubernetes can be told to set.
""",
    ),
    "E508": (
        "a schema file that is not there",
        """\
The path of a `validate` step begins at the folder of the file that it is written in.

wrong:
  - validate: order.json

right:
  - validate: schemas/order.json
""",
    ),
    "E509": (
        "a schema file that is no JSON",
        """\
A file that ends in .json is read as JSON, any other as one YAML document. The place is in that file.
""",
    ),
    "E510": (
        "a JSON Schema that is not valid",
        """\
Schemas are JSON Schema 2020-12. A `$ref` leads to a part of the same schema: nothing is fetched.

wrong:
  - validate: {type: objekt}

right:
  - validate: {type: object}
""",
    ),
}
