"""A CDash that keeps what it is sent, on a loopback port: enough for ctest_submit."""

import hashlib
import http.server
import ssl
import threading
import urllib.parse

_MAX_BODY = 64 << 20


class Submission:
    """One file as it arrived."""

    def __init__(self, query, headers, body):
        self.query = query
        self.headers = headers
        self.body = body

    @property
    def file_name(self):
        return self.query.get("FileName", [""])[0]

    @property
    def part(self):
        """Test, Notes, ...: the file name without site, build and stamp."""
        return self.file_name.rsplit("___", 1)[-1].split(".")[0].rsplit("-", 1)[-1]


class CDashStub:
    """Serves from construction until `close`. With `answer`, a status and a text, that is what each upload gets."""

    def __init__(self, answer=None, certificate=None):
        self.submissions = []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 30
            protocol_version = "HTTP/1.1"  # which answers "Expect: 100-continue"; ctest waits a second without

            def do_PUT(self):  # noqa: N802, the name is http.server's
                length = int(self.headers.get("Content-Length", 0))
                if length > _MAX_BODY:
                    self.send_error(413)
                    return
                body = self.rfile.read(length)
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                stub.submissions.append(Submission(query, dict(self.headers), body))
                if answer:
                    self._answer(*answer)
                    return
                digest = hashlib.md5(body).hexdigest()
                self._answer(200, "<cdash><status>OK</status><message></message><buildId>42</buildId>"
                                  f"<md5>{digest}</md5></cdash>")

            def _answer(self, status, text):
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # a client that does not trust the certificate

        self._server = Server(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            # The handshake belongs to the connection's thread: a client that gives up must not stop the server.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}/submit.php?project=llmload"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
