"""Blobs of an Azure container: `bindings.azure.blobstorage`, as Dapr's, and new blobs as events."""

from __future__ import annotations

from collections.abc import Sequence

from bindings.azure.blobstorage.metadata import BlobStorageMetadata
from bindings.contract import Context, InputBinding, OutputBinding, Received
from bindings.manifest import ComponentType


def _input(metadata: BlobStorageMetadata, context: Context) -> InputBinding:
    from bindings.azure.blobstorage.input import make_input

    return make_input(metadata, context)


async def _peek(metadata: BlobStorageMetadata, context: Context, limit: int) -> Sequence[Received]:
    from bindings.azure.blobstorage.input import peek

    return await peek(metadata, context, limit)


def _output(metadata: BlobStorageMetadata, context: Context) -> OutputBinding:
    from bindings.azure.blobstorage.output import BlobStorageOutput

    return BlobStorageOutput(metadata)


def _place(metadata: BlobStorageMetadata, name: str) -> str | None:
    """Not where a prefix or a pattern chooses: what is written there may have other names."""
    chooses = metadata.prefix or metadata.pattern != BlobStorageMetadata.model_fields["pattern"].default
    return None if chooses or not metadata.account_name else f"{metadata.account_url} {metadata.container_name}"


component = ComponentType(
    name="bindings.azure.blobstorage",
    summary="Blobs of an Azure container: new and changed ones become events; creates, reads, lists and deletes them.",
    metadata=BlobStorageMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: uploads
spec:
  type: bindings.azure.blobstorage
  version: v1
  metadata:
    - name: accountName
      value: mystorageaccount
    - name: accountKey
      secretKeyRef:
        name: STORAGE_KEY
        key: STORAGE_KEY
    - name: containerName
      value: uploads
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
        "create": "Writes the data to a blob; gives back its `blobURL`, `blobName` and, with `signTTL`, a "
        "`presignURL`. JSON text is written without its quotes.",
        "get": "Gives back the content of a blob, or writes it to `filePath`.",
        "delete": "Removes a blob.",
        "list": "Gives back at most `maxResults` blobs behind `marker`, of the `prefix` that the data name.",
        "presign": "Gives back a `presignURL` that gets the blob without credentials.",
        "bulkGet": 'Gets the `items` that the data name, `[{"blobName", "filePath"}]`, or all of a `prefix` into '
        "`destinationDir`.",
        "bulkCreate": 'Writes the `items` of the data, `[{"blobName", "data" or "sourcePath", "contentType"}]`.',
        "bulkDelete": "Removes the blobs whose `blobNames` or `prefix` the data name.",
    },
    input_metadata={
        "key": "The blob's name.",
        "fileName": "The last part of the name.",
        "container": "The container.",
        "size": "The size in bytes.",
        "etag": "Changes whenever the blob does.",
        "contentType": "The content type; where Azure knows none, that of the name's ending.",
        "contentEncoding": "How the content is compressed, if it is: `gzip`.",
        "lastModified": "When the blob was written, as in RFC 3339.",
        "NAME": "The blob's own metadata, by their names.",
    },
    output_metadata={
        "blobName": "The blob's name; when create gets none, it makes one from the event's id.",
        "contentType": "The content type of what create writes. Default: the event's. So are `contentEncoding`, "
        "`contentLanguage`, `contentDisposition`, `cacheControl`, and `contentMD5`, which Azure checks.",
        "signTTL": "How long the signed URL of create and presign is good for, like `15m`.",
        "filePath": "The file that get writes to.",
        "includeMetadata": "Whether get gives back the blob's own metadata.",
        "deleteSnapshots": "Of delete: `include` for the blob and its snapshots, `only` for these.",
        "NAME": "Any other name is the blob's own metadata.",
    },
    place=_place,
    shared_input=False,
    extra="azure",
)
