"""The methods of Dapr's gRPC API: which there are, and what each is given."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from dapr.proto.runtime.v1 import (
    binding_pb2,
    configuration_pb2,
    dapr_pb2,
    invoke_pb2,
    lock_pb2,
    metadata_pb2,
    pubsub_pb2,
    secret_pb2,
    state_pb2,
)

from engine.api.blocks import Blocks
from engine.api.grpc_call import Call
from engine.api.grpc_configuration import GrpcConfiguration
from engine.api.grpc_invoke import GrpcInvoke
from engine.api.grpc_others import GrpcOthers
from engine.api.grpc_publish import GrpcPublish
from engine.api.grpc_state import GrpcState
from engine.api.grpc_subscribe import GrpcSubscribe


@dataclass(frozen=True, slots=True)
class Method:
    """One message gets one answer, or an `ApiError`."""

    request: Any
    run: Callable[[Any, Call], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class Stream:
    """One message gets answers until they end."""

    request: Any
    run: Callable[[Any, Call], AsyncGenerator[Any, None]]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages come and go, each as it likes. `run` is given the messages, and what sends one; it ends with `run`."""

    request: Any
    run: Callable[[AsyncIterator[Any], Callable[[Any], Awaitable[None]]], Coroutine[Any, Any, None]]


def methods_of(blocks: Blocks) -> Mapping[str, Method | Stream | Conversation]:
    """By their names in the service."""
    state, publish, invoke = GrpcState(blocks.state), GrpcPublish(blocks.publish), GrpcInvoke(blocks.invoke)
    configuration, others = GrpcConfiguration(blocks.configuration), GrpcOthers(blocks)
    bulk_publish = Method(pubsub_pb2.BulkPublishRequest, publish.publish_bulk)
    get_configuration = Method(configuration_pb2.GetConfigurationRequest, configuration.get)
    subscribe = Stream(configuration_pb2.SubscribeConfigurationRequest, configuration.subscribe)
    unsubscribe = Method(configuration_pb2.UnsubscribeConfigurationRequest, configuration.unsubscribe)
    return {
        "GetState": Method(state_pb2.GetStateRequest, state.get),
        "GetBulkState": Method(state_pb2.GetBulkStateRequest, state.get_bulk),
        "QueryStateAlpha1": Method(state_pb2.QueryStateRequest, state.query),
        "SaveState": Method(state_pb2.SaveStateRequest, state.save),
        "DeleteState": Method(state_pb2.DeleteStateRequest, state.delete),
        "DeleteBulkState": Method(state_pb2.DeleteBulkStateRequest, state.delete_bulk),
        "ExecuteStateTransaction": Method(state_pb2.ExecuteStateTransactionRequest, state.transact),
        "PublishEvent": Method(pubsub_pb2.PublishEventRequest, publish.publish),
        "BulkPublishEvent": bulk_publish,
        "BulkPublishEventAlpha1": bulk_publish,
        "SubscribeTopicEventsAlpha1": Conversation(
            pubsub_pb2.SubscribeTopicEventsRequestAlpha1, GrpcSubscribe(blocks.subscribe).run
        ),
        "InvokeBinding": Method(binding_pb2.InvokeBindingRequest, others.invoke_binding),
        "InvokeService": Method(invoke_pb2.InvokeServiceRequest, invoke.invoke),
        "GetSecret": Method(secret_pb2.GetSecretRequest, others.secret),
        "GetBulkSecret": Method(secret_pb2.GetBulkSecretRequest, others.all_secrets),
        "GetConfiguration": get_configuration,
        "GetConfigurationAlpha1": get_configuration,
        "SubscribeConfiguration": subscribe,
        "SubscribeConfigurationAlpha1": subscribe,
        "UnsubscribeConfiguration": unsubscribe,
        "UnsubscribeConfigurationAlpha1": unsubscribe,
        "TryLockAlpha1": Method(lock_pb2.TryLockRequest, others.try_lock),
        "UnlockAlpha1": Method(lock_pb2.UnlockRequest, others.unlock),
        "GetMetadata": Method(metadata_pb2.GetMetadataRequest, others.metadata),
        "SetMetadata": Method(metadata_pb2.SetMetadataRequest, others.set_metadata),
        "Shutdown": Method(dapr_pb2.ShutdownRequest, others.shut_down),
    }
