"""The codes of mistakes in what a document says that it is, and in what it refers to."""

from __future__ import annotations

from collections.abc import Mapping

NAME_CODES: Mapping[str, tuple[str, str]] = {
    "W201": (
        "a definition that this version does not apply",
        """\
The document is as Dapr writes it, and it was read; but this version of the engine does not do what it says. Pipelines
run without it.
""",
    ),
    "E201": (
        "a document that is no mapping",
        """\
A definition has four fields: apiVersion, kind, metadata and spec.

wrong:
  - binding: orders

right:
  apiVersion: jackfield/v1
  kind: Pipeline
  metadata:
    name: orders
  spec:
    input: {binding: orders}
""",
    ),
    "E202": (
        "a kind that is not known",
        """\
`kind` decides what a document is. Upper and lower case matter. Files that are for other programs belong in another
folder.

wrong:
  kind: pipeline

right:
  kind: Pipeline
""",
    ),
    "E203": (
        "an apiVersion that is not that of the kind",
        """\
Pipeline, App and PipelineTest are jackfield/v1; Component and the other kinds of Dapr are dapr.io/v1alpha1, and a
Subscription may be dapr.io/v2alpha1.

wrong:
  apiVersion: jackfield/v1
  kind: Component

right:
  apiVersion: dapr.io/v1alpha1
  kind: Component
""",
    ),
    "E204": (
        "a metadata field that is there twice",
        """\
Upper and lower case do not matter in the names of a component's metadata, so that these two are the same field.

wrong:
  - {name: queueName, value: orders}
  - {name: queuename, value: payments}

right:
  - {name: queueName, value: orders}
""",
    ),
    "E205": (
        "a value that the component type does not take",
        """\
The value has the right type, and the field has a rule of its own that it breaks: a cron expression, a pattern, an
address. The message is that rule. A value that comes from a secret is never shown.

wrong:
  - name: schedule
    value: "*/5 * * * 8"

right:
  - name: schedule
    value: "*/5 * * * 7"
""",
    ),
    "E206": (
        "a metadata field that is missing for this use",
        """\
Some fields are needed only when a component is used as an input, or only as an output; a pipeline uses it so.

right:
  add the field to the component, or name another component in the pipeline
""",
    ),
    "E207": (
        "a reference in a binding that is written in place",
        """\
`secretKeyRef` and `envRef` are fields of Component documents, which also name the secret store.

wrong:
  input:
    binding:
      type: bindings.rabbitmq
      metadata: {host: {secretKeyRef: {name: rabbitmq}}}

right:
  input:
    binding: orders # and a Component of this name
""",
    ),
    "W430": (
        "a target that nothing in the folder has",
        """\
A Resiliency or a Subscription names an app or a component that this folder does not define. In another project it may
have one; here nothing uses it.
""",
    ),
    "W431": (
        "a part of a Resiliency that has no effect here",
        """\
Targets of actors have no effect because there are no actors yet, and a Resiliency with `scopes` is for the calls of the
apps that it names: pipelines use those without scopes.
""",
    ),
    "E430": (
        "a policy that the Resiliency does not define",
        """\
Targets name policies of the same document.

wrong:
  policies: {retries: {patient: {maxRetries: 10}}}
  targets: {apps: {shop: {retry: pateint}}}

right:
  policies: {retries: {patient: {maxRetries: 10}}}
  targets: {apps: {shop: {retry: patient}}}
""",
    ),
    "E431": (
        "a CEL expression that cannot be evaluated",
        """\
The rules of a Subscription are CEL expressions over `event`, such as event.type == "order.created". `trip` is one over
`requests`, `totalSuccesses`, `totalFailures`, `consecutiveSuccesses` and `consecutiveFailures`. The package cel-python
evaluates them (pip install 'jackfield[dapr]').

wrong:
  trip: failures > 5

right:
  trip: consecutiveFailures > 5
""",
    ),
    "E432": (
        "a subscription without a path",
        """\
A Subscription says to which path of the app its messages go: `route` (v1alpha1), or `routes` with rules and a default
(v2alpha1).

right:
  topic: orders
  routes: {default: /orders}
""",
    ),
    "W432": (
        "a subscription that no app gets",
        """\
A Subscription is for the apps in its `scopes`, or for all of the folder. This folder has none that it could be for.

right:
  write an App document, or run the app with `jackfield run DIR --app-id ID --app-port N`
""",
    ),
    "W433": (
        "a subscription that the component does not allow",
        """\
`subscriptionScopes`, `allowedTopics` or `protectedTopics` of the pub/sub say that the app may not subscribe to this
topic. It gets nothing of it, as with Dapr.

right:
  name the topic for the app, in the metadata of the component: {name: subscriptionScopes, value: "shop=orders"}
""",
    ),
    "E301": (
        "two documents of one name",
        """\
Within a kind, each name is there once in the whole folder. As it cannot be known which of the two is meant, none is
used.

right:
  give one of them another name, or remove it
""",
    ),
    "E302": (
        "a name that nothing has",
        """\
A pipeline names a component or an app, or `auth.secretStore` a secret store, and no document of that kind has the name.
Upper and lower case matter.

wrong:
  input:
    binding: order # the component is `orders`

right:
  input:
    binding: orders
""",
    ),
    "E303": (
        "something that has an error itself",
        """\
What is named here exists, and has an error; the message says where. This one goes when that one does.
""",
    ),
    "E304": (
        "a component type that is not known",
        """\
No component type of this name is installed. `jackfield explain` lists those that are; others come with packages that
bring their own.

wrong:
  type: bindings.crom

right:
  type: bindings.cron
""",
    ),
    "E305": (
        "a component used in a direction that it does not have",
        """\
Some types are only inputs (bindings.cron) and some only outputs, and a component's `direction` can leave out one of the
two.

wrong:
  outputs:
    - binding: every-minute # bindings.cron

right:
  input:
    binding: every-minute
""",
    ),
    "E306": (
        "an operation that the output does not have",
        """\
Each component type has operations of its own; most have `create`, and it is the default.

wrong:
  outputs:
    - binding: files
      operation: write

right:
  outputs:
    - binding: files
      operation: create
""",
    ),
    "E307": (
        "an input that two pipelines share, and that cannot be shared",
        """\
Queues give each message to one of their readers. A schedule or a folder cannot do that: two pipelines would both get
each event, or take them from each other.

right:
  write a second component, and name each in one pipeline
""",
    ),
}
