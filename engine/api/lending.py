"""How a building block gets the component that an app names."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from engine.api.error import ApiError
from engine.api.parts import Lent, Missing
from engine.errors import JackfieldError

T = TypeVar("T")


@contextlib.asynccontextmanager
async def lending(
    part: AbstractAsyncContextManager[Lent[T]],
    if_missing: Callable[[Missing], ApiError],
    if_closed: Callable[[JackfieldError], ApiError],
) -> AsyncIterator[Lent[T]]:
    """What `part` lends, for one call. The two say how an app is told that it is not there, or cannot be opened; what
    goes wrong once it is open is for the block itself.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            lent = await stack.enter_async_context(part)
        except Missing as missing:
            raise if_missing(missing) from None
        except JackfieldError as error:
            raise if_closed(error) from error
        yield lent
