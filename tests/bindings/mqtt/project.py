"""Components of MQTT, and what other programs do there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt

from bindings.contract import InputBinding, OutputBinding, PubSub, Received
from bindings.mqtt import component, pubsub_component
from tests.bindings.fakes import context


def metadata(url: str, topic: str, **more: Any) -> Any:
    return component.metadata.model_validate({"url": url, "topic": topic, "consumerID": f"c-{topic}", **more})


def make_input(url: str, topic: str, **more: Any) -> InputBinding:
    assert component.input is not None
    return component.input(metadata(url, topic, **more), context("orders"))


def make_output(url: str, topic: str, **more: Any) -> OutputBinding:
    assert component.output is not None
    return component.output(metadata(url, topic, **more), context("orders"))


def make_pubsub(url: str, **more: Any) -> PubSub:
    assert pubsub_component.pubsub is not None
    return pubsub_component.pubsub(pubsub_component.metadata.model_validate({"url": url, **more}), context("orders"))


@asynccontextmanager
async def reading(url: str, topic: str, **more: Any) -> AsyncIterator[InputBinding]:
    reader = make_input(url, topic, **more)
    try:
        await reader.open()
        yield reader
    finally:
        await reader.close()


@asynccontextmanager
async def writing(url: str, topic: str, **more: Any) -> AsyncIterator[OutputBinding]:
    output = make_output(url, topic, **more)
    try:
        await output.open()
        yield output
    finally:
        await output.close()


async def read_all(reader: InputBinding, count: int) -> list[Received]:
    received: list[Received] = []
    while len(received) < count:
        received += await reader.read(100)
    return received


async def publish(port: int, topic: str, *payloads: bytes, qos: int = 1, retain: bool = False) -> None:
    """As another program does it."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for payload in payloads:
            await client.publish(topic, payload, qos=qos, retain=retain)


@asynccontextmanager
async def listening(port: int, topic: str) -> AsyncIterator[aiomqtt.Client]:
    """Another program that reads."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(topic, qos=1)
        yield client


async def heard(client: aiomqtt.Client, count: int) -> list[bytes]:
    messages = client.messages
    return [payload(await anext(messages)) for _ in range(count)]


def payload(message: aiomqtt.Message) -> bytes:
    assert isinstance(message.payload, bytes)
    return message.payload
