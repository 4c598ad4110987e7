"""Composes the console's HTTP API from its parts."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from services.accounts.authentication import Authenticator
from services.accounts.key_store import MongoKeyStore
from services.audit.audit_store import MongoAuditLog
from services.audit.head_watch import HeadWatch
from services.console.api import openapi
from services.console.api.audit import AuditRoutes
from services.console.api.dead_items import DeadItemRoutes
from services.console.api.dead_letters import DeadLetterRoutes
from services.console.api.keys import KeyRoutes
from services.console.api.operators import OperatorsOnly
from services.console.api.problems import handle_refusals
from services.console.api.redrives import RedriveRoutes
from services.console.api.stages import StageRoutes
from services.console.api.status import StatusRoutes
from services.console.api.trace import TraceRoutes
from services.console.api.verification import VerificationRoutes
from services.console.connections import Connections, connections
from services.console.operations.redrive_jobs import RedriveJobs
from services.console.operations.status import PipelineView
from services.console.settings import ConsoleSettings
from services.runtime.process import Process
from services.runtime.web import ProblemBoundary, process_routes
from services.stages.report_store import MongoReports
from services.stages.reporter import Reporter


def build_app(settings: ConsoleSettings, process: Process) -> ASGIApp:
    """Every operation of operators, over HTTP, for operators' keys."""
    connected = connections(settings, process.metrics)
    view, jobs = PipelineView(connected), RedriveJobs(connected)
    reporter = Reporter(process, MongoReports(connected.database))
    watch = HeadWatch(MongoAuditLog(connected.database), process.metrics)

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        database_guard = process.guarded_database(connected.client, settings)
        async with (
            database_guard,
            reporter,
            watch,
            connected.browser,
            connected.producer,
            view,
            jobs,
        ):
            yield

    app = FastAPI(
        title="Frontline console",
        description=openapi.DESCRIPTION,
        version=process.version,
        lifespan=running,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        routes=[*process_routes(process.health, process.metrics)],
    )
    for router in _routers(connected, view, jobs):
        app.router.routes.extend(router.routes)  # flat: a 405 names the methods of all of a path
    openapi.describe(app)
    handle_refusals(app)
    authenticator = Authenticator(MongoKeyStore(connected.database))
    return ProblemBoundary(OperatorsOnly(app, authenticator), process.metrics)


def _routers(connected: Connections, view: PipelineView, jobs: RedriveJobs) -> Iterator[APIRouter]:
    yield StatusRoutes(view).router()
    yield TraceRoutes(connected).router()
    yield VerificationRoutes(connected).router()
    yield DeadLetterRoutes(connected).router()
    yield RedriveRoutes(connected, jobs).router()
    yield DeadItemRoutes(connected).router()
    yield StageRoutes(connected).router()
    yield KeyRoutes(connected).router()
    yield AuditRoutes(connected).router()
