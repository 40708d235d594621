"""HTTP: `bindings.http` sends requests, as Dapr's, and as an input is a webhook."""

from __future__ import annotations

from bindings.contract import Context, InputBinding, OutputBinding
from bindings.http.metadata import HttpMetadata
from bindings.manifest import ComponentType


def _input(metadata: HttpMetadata, context: Context) -> InputBinding:
    from bindings.http.input import Webhook

    return Webhook(metadata)


def _output(metadata: HttpMetadata, context: Context) -> OutputBinding:
    from bindings.http.output import HttpOutput

    return HttpOutput(metadata, context.clock)


component = ComponentType(
    name="bindings.http",
    summary="Sends HTTP requests; as an input, a webhook that takes any request and all forms of CloudEvents.",
    metadata=HttpMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders-api
spec:
  type: bindings.http
  version: v1
  metadata:
    - name: url # of the output; a webhook needs none, it is called at /webhooks/orders-api
      value: https://api.example.com/orders
    - name: responseTimeout
      value: 10s
""",
    input_is_ours=True,
    input=_input,
    output=_output,
    operations={
        "create": "The same as post.",
        "get": "GET, without a body.",
        "head": "HEAD: the status and the headers only.",
        "post": "POST with the data as the body.",
        "put": "PUT with the data as the body.",
        "patch": "PATCH with the data as the body.",
        "delete": "DELETE, without a body.",
        "options": "OPTIONS, without a body.",
        "trace": "TRACE, without a body.",
    },
    output_requires=("url",),
    input_metadata={
        "method": "The method of the request.",
        "path": "The path of the request.",
        "query.<name>": "A parameter of the query; several of one name are joined with commas.",
        "header.<name>": "A header, its name in lower case; Authorization and Cookie are left out.",
    },
    output_metadata={
        "path": "Is appended to url.",
        "errorIfNot2XX": "Instead of the component's, for this request.",
        "<Name>": "A key that begins with a capital letter becomes a header, such as Content-Type or Accept.",
        "traceparent, tracestate, baggage": "Become the headers of these names.",
    },
    shared_input=False,
)
