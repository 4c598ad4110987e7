"""The bare echo that P5 compares with: the same server, a Starlette route, the body and no work."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def echo(request: Request) -> Response:
    """Answers with the body."""
    return Response(await request.body(), 202, media_type="application/json")


if __name__ == "__main__":
    app = Starlette(routes=[Route("/v1/feedback", echo, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False)
