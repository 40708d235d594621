"""CloudEvents 1.0.2 on the wire: the HTTP binding and the JSON format, in binary, structured and batched mode.

The encoders take events whose attributes `validate` accepts. Whatever is wrong raises `Permanent`, with a message
for the person who made the event.
"""

from engine.cloudevents.attributes import validate
from engine.cloudevents.http import decode, encode_batch, encode_binary, encode_structured
from engine.cloudevents.json import decode_json, encode_one

__all__ = [
    "decode",
    "decode_json",
    "encode_batch",
    "encode_binary",
    "encode_one",
    "encode_structured",
    "validate",
]
