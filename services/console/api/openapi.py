"""The API's description: what FastAPI derives from the routes, the key, and problem documents."""

from typing import Any

from fastapi import FastAPI

from services.runtime.problem import ProblemDocument

DESCRIPTION = (
    "How operators see and mend the pipeline. Every route needs an operator's key; every change"
    " needs a reason and is audited. The command line does the same without this process."
)


def describe(app: FastAPI) -> None:
    """Adds the security scheme and the problem document to the app's description."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            components = document.setdefault("components", {})
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            schemas = components.setdefault("schemas", {})
            problem = ProblemDocument.model_json_schema(ref_template=_REF)
            schemas |= problem.pop("$defs", {})
            schemas["ProblemDocument"] = problem
            document["security"] = [{"key": []}]
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]


_REF = "#/components/schemas/{model}"
