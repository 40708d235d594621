"""MQTT 3.1.1: topics of a broker as input and output, and as a pub/sub."""

from __future__ import annotations

from dataclasses import replace

from bindings.contract import Context, InputBinding, OutputBinding, PubSub
from bindings.manifest import ComponentType
from bindings.mqtt.metadata import MqttMetadata, MqttPubSubMetadata

_INPUT_METADATA = {
    "topic": "The topic of the message.",
    "qos": "`1`, or `0` for one that nobody acknowledges and that never comes again.",
    "retained": "Whether it was the last message of its topic, kept for those who subscribe.",
    "deliveryCount": "How often it was given out, this time included; after a restart of the engine 2 for all but the "
    "first.",
}


def _input(metadata: MqttMetadata, context: Context) -> InputBinding:
    from bindings.mqtt.input import MqttInput
    from bindings.mqtt.session import Source

    return MqttInput(metadata, Source(f"{metadata.consumer_id}-consumer", metadata.topic, clean=metadata.clean_session))


def _output(metadata: MqttMetadata, context: Context) -> OutputBinding:
    from bindings.mqtt.output import MqttOutput

    return MqttOutput(metadata)


def _pubsub(metadata: MqttPubSubMetadata, context: Context) -> PubSub:
    from bindings.mqtt.pubsub import MqttPubSub

    return MqttPubSub(metadata, context)


component = ComponentType(
    name="bindings.mqtt3",
    summary="Topics of an MQTT broker (3.1.1): read in a session that the broker keeps, acknowledged after the "
    "outputs, published with QoS 1.",
    metadata=MqttMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: temperatures
spec:
  type: bindings.mqtt3
  version: v1
  metadata:
    - name: url
      value: tcp://localhost:1883
    - name: topic
      value: sensors/+/temperature
    - name: consumerID
      value: thermostat
""",
    input=_input,
    output=_output,
    operations={"create": "Publishes the data of the event, and waits until the broker has acknowledged it."},
    input_metadata=_INPUT_METADATA,
    output_metadata={
        "topic": "The topic, instead of the component's.",
        "retain": "Whether the broker keeps the message for those who subscribe later.",
        "contentMode": "`structured` for the whole event in the JSON format of CloudEvents, `data` for its data only.",
    },
    place=lambda metadata, name: f"{metadata.shown} {metadata.topic}",
    shared_input=False,  # a session is of one client
)

alias = replace(
    component,
    name="bindings.mqtt",
    summary="Another name of bindings.mqtt3, which Dapr understands too.",
    example=component.example.replace("bindings.mqtt3", "bindings.mqtt"),
)

pubsub_component = ComponentType(
    name="pubsub.mqtt3",
    summary="Topics of an MQTT broker (3.1.1), read in sessions that the broker keeps and published with QoS 1.",
    metadata=MqttPubSubMetadata,
    example="""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: pubsub.mqtt3
  version: v1
  metadata:
    - name: url
      value: tcp://localhost:1883
    - name: consumerID
      value: thermostat
""",
    pubsub=_pubsub,
    input_metadata=_INPUT_METADATA,
    output_metadata={"retain": "Whether the broker keeps the message for those who subscribe later."},
)
