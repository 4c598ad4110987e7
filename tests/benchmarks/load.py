"""A lean HTTP client for benchmarks: keep-alive connections, one request at a time on each."""

import asyncio
from collections.abc import Callable
from time import perf_counter


async def _request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, payload: bytes
) -> int:
    writer.write(payload)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return status


async def request_rate(
    port: int, payload: Callable[[int], bytes], requests: int, connections: int
) -> float:
    """Requests a second; fails when one is not answered with 202."""
    left = iter(range(requests))

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for number in left:
                status = await _request(reader, writer, payload(number))
                assert status == 202, f"answered {status}"
        finally:
            writer.close()

    started = perf_counter()
    await asyncio.gather(*[connection() for _ in range(connections)])
    return requests / (perf_counter() - started)


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body
