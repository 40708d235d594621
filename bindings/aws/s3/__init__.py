"""Objects of an S3 bucket: `bindings.aws.s3`, as Dapr's, and new objects as events."""

from __future__ import annotations

from collections.abc import Sequence

from bindings.aws.s3.metadata import S3Metadata
from bindings.contract import Context, InputBinding, OutputBinding, Received
from bindings.manifest import ComponentType


def _input(metadata: S3Metadata, context: Context) -> InputBinding:
    from bindings.aws.s3.input import make_input

    return make_input(metadata, context)


async def _peek(metadata: S3Metadata, context: Context, limit: int) -> Sequence[Received]:
    from bindings.aws.s3.input import peek

    return await peek(metadata, context, limit)


def _output(metadata: S3Metadata, context: Context) -> OutputBinding:
    from bindings.aws.s3.output import S3Output

    return S3Output(metadata)


def _place(metadata: S3Metadata, name: str) -> str | None:
    """Not where a prefix or a pattern chooses: what is written there may have other names."""
    chooses = metadata.prefix or metadata.pattern != S3Metadata.model_fields["pattern"].default
    return None if chooses else f"{metadata.address or 's3'} {metadata.bucket}"


component = ComponentType(
    name="bindings.aws.s3",
    summary="Objects of an S3 bucket: new and changed ones become events; creates, reads, lists and deletes them.",
    metadata=S3Metadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: uploads
spec:
  type: bindings.aws.s3
  version: v1
  metadata:
    - name: bucket
      value: uploads
    - name: region
      value: eu-central-1
    - name: prefix # of the input
      value: in/
    - name: onDone
      value: delete
""",
    input_is_ours=True,
    input=_input,
    output=_output,
    peek=_peek,
    operations={
        "create": "Writes the data to an object; gives back its `location`, `versionID` and, with `presignTTL`, a "
        "`presignURL`. JSON text is written without its quotes.",
        "get": "Gives back the content of an object.",
        "delete": "Removes an object.",
        "list": "Gives back at most `maxResults` objects behind `marker`, of the `prefix` that the data name.",
        "presign": "Gives back a `presignURL` that gets the object without credentials.",
        "bulkGet": 'Gets the `items` that the data name, `[{"key", "filePath"}]`: into files, or as `data`.',
        "bulkCreate": 'Writes the `items` of the data, `[{"key", "data" or "filePath", "contentType"}]`.',
        "bulkDelete": "Removes the objects whose `keys` the data name.",
    },
    input_metadata={
        "key": "The object's key.",
        "fileName": "The last part of the key.",
        "bucket": "The bucket.",
        "size": "The size in bytes.",
        "etag": "Changes whenever the object does.",
        "contentType": "The content type; where S3 knows none, that of the key's ending.",
        "contentEncoding": "How the content is compressed, if it is: `gzip`.",
        "lastModified": "When the object was written, as in RFC 3339.",
        "versionId": "The version, in a bucket that has versions.",
        "NAME": "The object's own metadata, by their names in lower case.",
    },
    output_metadata={
        "key": "The object's key; when create gets none, it makes one from the event's id.",
        "Content-Type": "The content type of what create writes. Default: the event's.",
        "tags": "Tags of what create writes, like `project=alpha,year=2026`.",
        "storageClass": "The storage class of what create writes, in place of the component's.",
        "filePath": "The file that create uploads in place of the data.",
        "presignTTL": "How long the presigned URL of create and presign is good for, like `15m`.",
        "decodeBase64": "Whether the data are base64 text, in place of the component's.",
        "encodeBase64": "Whether get and bulkGet give base64 text, in place of the component's.",
    },
    place=_place,
    shared_input=False,
    extra="aws",
)
