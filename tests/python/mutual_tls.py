"""The options and contexts of the cookbook's "Secure connections with mutual TLS"."""

import ssl


def add_options(parser):
    parser.add_argument("--cert", metavar="FILE")
    parser.add_argument("--key", metavar="FILE")
    parser.add_argument("--trust", metavar="FILE")
    parser.add_argument("--server-name", metavar="NAME")
    parser.add_argument("--check-hostname", action="store_true")


def check_options(parser, args):
    tls = [args.cert, args.key, args.trust]
    if any(tls) and not all(tls):
        parser.error("--cert, --key and --trust belong together (mutual TLS)")
    if (args.server_name or args.check_hostname) and not (args.connect and args.cert):
        parser.error("--server-name and --check-hostname need --connect and TLS")


def context(args):
    """The context for what the program is to do, or None without TLS."""
    if not args.cert:
        return None
    if args.bind:
        ctx = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    else:
        ctx = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        ctx.check_hostname = args.check_hostname
    ctx.verify_mode = ssl.CERT_REQUIRED
    # Python 3.13 made strict X.509 checks the default. The cookbook's
    # certificate has no key usage extension and would fail them; what we test
    # must not depend on the Python at hand.
    ctx.verify_flags &= ~ssl.VERIFY_X509_STRICT
    ctx.load_verify_locations(args.trust)
    ctx.load_cert_chain(certfile=args.cert, keyfile=args.key)
    if args.server_name:
        override_server_name(ctx, args.server_name)
    return ctx


def override_server_name(ctx, name):
    """Asks for ``name`` in place of the host that is connected to.

    ``Søcket.connect()`` has no parameter for the server name, so asyncio takes
    the host, and a test's host is 127.0.0.1. The context is the one object of
    ours that the library passes through.
    """
    wrap_bio = ctx.wrap_bio

    def wrap_bio_with_name(
        incoming, outgoing, server_side=False, server_hostname=None, session=None
    ):
        return wrap_bio(incoming, outgoing, server_side, name, session)

    ctx.wrap_bio = wrap_bio_with_name
