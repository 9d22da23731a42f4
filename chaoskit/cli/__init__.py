"""The command line: parse, call, print, exit code. Imports stand inside functions: `--help` stays under 100 ms."""

from __future__ import annotations

import sys

import click

from chaoskit import __version__
from chaoskit.cli.doctor import doctor
from chaoskit.cli.faults import faults
from chaoskit.cli.files import plan, schema, validate
from chaoskit.cli.run import run
from chaoskit.errors import ChaoskitError

EXIT_CODES = """\b
Exit codes:
  0    every run ended as its file expects
  1    a run failed, or passed where its file expects something else
  2    the command line or a file is wrong
  3    inconclusive: no evidence, or too few samples
  4    void: the steady state did not hold before the first fault
  5    broken: a part of the stack failed, or this machine lacks something
  6    dirty: something could not be undone
  130  stopped by Ctrl-C or SIGTERM, and undone
"""


class _Group(click.Group):
    """Turns our errors into their text on stderr and their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ChaoskitError as error:
            click.echo(f"chaoskit: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(
    cls=_Group, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="chaoskit")
def cli() -> None:
    """What happens to a service when a dependency fails the way DynamoDB's DNS failed? Run it and see.

    An experiment file names the app, its dependencies, a load, faults and SLOs; `chaoskit run` plays it in a
    sandbox on this machine and judges whether the app stayed within its SLOs.
    """


for _command in (run, validate, plan, faults, schema, doctor):
    cli.add_command(_command)


def main() -> None:
    """Entry point of the `chaoskit` command."""
    sys.exit(cli())
