"""Settings of the command line: the console's, and who acts."""

from pydantic import Field, SecretStr

from services.console.settings import ConsoleSettings


class CommandLineSettings(ConsoleSettings):
    """The command line acts in the name of the operator whose key it is given."""

    operator_key: SecretStr | None = Field(
        None, description="an operator's key: who acts, in the audit"
    )
    break_glass: bool = Field(
        False,
        description="makes an operator's key without one where none is left; kept in the audit",
    )
