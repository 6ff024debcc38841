"""`journey`: the commands put together, and how each way of failing ends.

Exit codes: 0 published, 2 published with warnings, 10 set-up, 20 input, 30 another night is running, 40 resources,
50 internal, 60 verification failed, 130 interrupted. With `--json`, standard output holds one JSON object and nothing
else.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from journey_analytics import __version__
from journey_analytics.cli import funnels, identity, ledger, nights, people, rejects, setup, sources
from journey_analytics.cli.shared import complain
from journey_analytics.errors import EXIT_INTERRUPTED, ConfigError, InternalError, JourneyError
from journey_analytics.landing.privacy import masked
from journey_analytics.night import Terminated
from journey_analytics.warehouse import DatabaseError, explained

app = typer.Typer(
    help="Learn every night where the customers' journey breaks, how sure that is, who owns it and what to do next.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip

# In the order in which `journey --help` lists them.
for command in (
    nights.run, nights.rebuild, nights.land, nights.build, nights.judge, nights.find, nights.report, nights.publish,
    ledger.runs, rejects.rejects, ledger.rollback,
    people.forget, people.canaries,
    identity.identity,
    funnels.funnel,
    sources.sources, setup.sample, setup.doctor,
):  # fmt: skip
    app.command()(command)
app.add_typer(sources.app, name="source")

USAGE: Any = (
    typer.BadParameter.__base__
)  # what an unknown command or option raises; it ends in 10, since 2 is published


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    try:
        code = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except USAGE as error:
        print(f"journey: {error.format_message()}", file=sys.stderr)
        raise SystemExit(ConfigError.exit_code) from None
    except JourneyError as error:
        complain(error)
        raise SystemExit(error.exit_code) from None
    except DatabaseError as error:
        complain(InternalError(masked(explained(error).reason), do=explained(error).do))
        raise SystemExit(50) from None
    except Terminated as error:
        print(f"journey: {error}; nothing was published", file=sys.stderr)
        raise SystemExit(50) from None
    except OSError as error:
        complain(explained(error))
        raise SystemExit(explained(error).exit_code) from None
    except (KeyboardInterrupt, typer.Abort):
        print("journey: interrupted; nothing was published", file=sys.stderr)
        raise SystemExit(EXIT_INTERRUPTED) from None
    raise SystemExit(code if isinstance(code, int) else 0)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit(0)


if __name__ == "__main__":
    main()
