"""Show the project in a browser: denoise, look into the networks, train, read the results.

    python -m others.demo [--port 8080] [--data data] [--no-browser]

The page needs no network, and is served to this machine alone unless --host says otherwise.
"""

import argparse
import socket

from nicegui import ui

from others.demo.app import register
from others.engine import command


def free_port(host: str, port: int) -> int:
    """The port, or for 0 a free one; OSError if something else listens there."""
    try:
        with socket.create_server((host, port)) as probe:
            return probe.getsockname()[1]
    except OSError as error:
        raise OSError(f"cannot listen on {host}:{port}: {error.strerror}") from error


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    command.add_data(result)
    result.add_argument("--host", default="127.0.0.1", help="address to listen on")
    result.add_argument(
        "--port", type=command.whole(0, 2**16 - 1), default=8080, help="0 for any free one"
    )
    result.add_argument("--no-browser", action="store_true", help="open no browser")
    return result


def run(options: argparse.Namespace) -> None:
    """Serve the pages until Ctrl-C."""
    port = free_port(options.host, options.port)
    register(options.data)
    print(f"http://{options.host}:{port} (Ctrl-C stops)", flush=True)
    ui.run(
        host=options.host,
        port=port,
        title="Noise2Noise",
        show=not options.no_browser,
        reload=False,
        show_welcome_message=False,
    )


main = command.main_of(parser, run)


if __name__ == "__main__":
    main()
