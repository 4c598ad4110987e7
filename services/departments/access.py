"""Decides who may do what to which department's queue, from the key and the address."""

from collections.abc import Callable
from datetime import date

from starlette.requests import Request

from schemas.departments import Department, Departments
from services.accounts.authentication import Authenticator, Credential
from services.runtime.problem import Problem


class Access:
    """Every refusal is a `Problem`: 401, 403, 404, or 410 for a department that has closed."""

    def __init__(
        self,
        authenticator: Authenticator,
        departments: Departments,
        today: Callable[[], date],
    ) -> None:
        self._authenticator = authenticator
        self._departments = departments
        self._today = today

    async def work_queue(self, request: Request) -> Department:
        """The department of the path, when the key is its own."""
        credential = await self._who(request)
        department = self._open_department(request.path_params["slug"])
        if (credential.role, credential.subject) != ("department", department.code):
            raise _not_yours(credential, department)
        return department

    async def see_depth(self, request: Request) -> Department:
        """The department of the path, when the key is its own or an operator's."""
        credential = await self._who(request)
        if credential.role != "operator":
            return await self.work_queue(request)
        return self._open_department(request.path_params["slug"])

    async def read_streams(self, request: Request) -> Department:
        """The department whose key it is; any department may read streams."""
        credential = await self._who(request)
        if credential.role != "department" or credential.subject not in self._departments:
            raise Problem(
                403,
                "Not a department's key",
                f"This is a key of the role {credential.role}: read streams with a department's.",
            )
        return self._departments.by_code(credential.subject)

    async def _who(self, request: Request) -> Credential:
        return await self._authenticator.authenticate(request.headers.get("authorization"))

    def _open_department(self, slug: str) -> Department:
        if not self._departments.has_slug(slug):
            raise Problem(
                404,
                "No such department",
                "No department has this slug. Use the department's slug on GOV.UK.",
            )
        department, today = self._departments.by_slug(slug), self._today()
        if department.is_open(today):
            return department
        heirs = [each.slug for each in self._departments.current(department.code, today)]
        raise Problem(
            410,
            "Department closed",
            f"{department.name.en} has closed. Its work went to: {', '.join(heirs)}.",
        )


def _not_yours(credential: Credential, department: Department) -> Problem:
    if credential.role != "department":
        return Problem(
            403,
            "Not a department's key",
            f"This is a key of the role {credential.role}: work a queue with its department's key.",
        )
    return Problem(
        403,
        "Another department's queue",
        f"This key belongs to {credential.subject}; the queue is that of {department.code}.",
    )
