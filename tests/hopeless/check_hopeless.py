"""Hopeless targets: each ends the command with one sentence that names the cause, and is asked one question only.

Usage: check_hopeless.py LLMLOAD

Each target is a scripted server on loopback that counts the questions it is asked. A question that fails in a way that
may pass (5xx, a reset, a damaged answer) may be asked three times; no other one may be asked twice.
"""

import concurrent.futures
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

LLMLOAD = sys.argv[1]
UNAVAILABLE = 5  # the exit status


class Server:
    """Answers each request on a connection of its own with the same bytes; None: a reset."""

    def __init__(self, answer, after=0):
        self.answer = answer
        self.after = after  # seconds
        self.questions = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError, ValueError):
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(65536) or self.stop()
                if request[:1] == b"\x16":  # the first bytes of TLS
                    connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                    return
            head, _, body = request.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            while len(body) < length:
                body += connection.recv(65536) or self.stop()
            self.questions += 1
            time.sleep(self.after)
            if self.answer is None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            else:
                connection.sendall(self.answer)

    def stop(self):
        raise OSError("the client went away")

    def close(self):
        self.listener.close()


class Relay(Server):
    """A server that is what listens on another port, under an address that its certificate does not name."""

    def __init__(self, port):
        super().__init__(None)
        self.port = port
        self.listener.close()
        self.listener = socket.create_server(("127.0.0.2", 0))
        self.url = "https://127.0.0.2:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def serve(self, connection):
        with connection, socket.create_connection(("127.0.0.1", self.port)) as server:
            threading.Thread(target=self.copy, args=(server, connection), daemon=True).start()
            self.copy(connection, server)

    def copy(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def answer(status, body="", *fields):
    if not isinstance(body, str):
        body = json.dumps(body)
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", "Connection: close", *fields, "", body]
    return "\r\n".join(lines).encode()


def error(message, code=None):
    return {"error": {"message": message, "type": "invalid_request_error", "code": code}}


def page(title):
    return f"<!doctype html>\n<html><head><title>{title}</title></head><body><h1>Hi</h1></body></html>"


ANTHROPIC = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
             "content": [{"type": "text", "text": "Hello"}], "usage": {"input_tokens": 3, "output_tokens": 1}}
ANTHROPIC_STREAM = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in [
    {"type": "message_start", "message": dict(ANTHROPIC, content=[], stop_reason=None)},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"}])

# What is served, the path of the URL, how often the question may be asked, and what the sentence has to say.
ANSWERS = {
    "401": (answer(401, error("Incorrect API key provided", "invalid_api_key")), "/v1", 1,
            ["HTTP 401", "Incorrect API key provided", "check OPENAI_API_KEY"]),
    "403": (answer(403, page("Forbidden")), "/v1", 1, ["HTTP 403", "Forbidden", "check OPENAI_API_KEY"]),
    "404 without /v1": (answer(404, {"detail": "Not Found"}), "", 1, ["HTTP 404", 'is "/v1" missing']),
    "404 with another path": (answer(404, page("404")), "/v2", 1, ["HTTP 404", "check the path"]),
    "404 of the model": (answer(404, error("The model `m` does not exist", "model_not_found")), "/v1", 1,
                         ["model_unavailable", "The model `m` does not exist", "--model"]),
    "405": (answer(405, {"detail": "Method Not Allowed"}), "", 1, ["HTTP 405", 'is "/v1" missing']),
    "HTTP on an HTTPS port, nginx": (answer(400, page("400 The plain HTTP request was sent to HTTPS port")), "/v1", 1,
                                     ["plain HTTP request was sent to HTTPS port", "https:// instead of http://"]),
    "HTTP on an HTTPS port, Go": (answer(400, "Client sent an HTTP request to an HTTPS server."), "/v1", 1,
                                  ["https:// instead of http://"]),
    "HTTP on an HTTPS port, an alert": (b"\x15\x03\x01\x00\x02\x02\x46", "/v1", 1,
                                        ["the server speaks TLS", "https:// instead of http://"]),
    "a login page": (answer(200, page("Sign in &amp; go"), "Content-Type: text/html"), "/v1", 1,
                     ['the answer is HTML: "Sign in & go"', "web page"]),
    "a health check": (answer(200, {"status": "ok"}), "/v1", 1,
                       ["JSON", '{"status": "ok"}', "check the URL", "--provider"]),
    "Anthropic's answer": (answer(200, ANTHROPIC), "/v1", 1, ["Anthropic's API", "--provider anthropic"]),
    "Anthropic's stream": (answer(200, ANTHROPIC_STREAM, "Content-Type: text/event-stream"), "/v1", 1,
                           ["Anthropic's API", "--provider anthropic"]),
    "an empty body": (answer(200), "/v1", 3, ["the answer is empty", "check the URL"]),
    "a redirect": (answer(308, "", "Location: https://llm.example.com/v1/chat/completions?key=hidden-key"), "/v1", 1,
                   ["redirect", "set the URL to https://llm.example.com/v1"]),
    "a redirect to a login": (answer(302, "", "Location: /login"), "/v1", 1, ["redirect to /login", "check the base URL"]),
    "407": (answer(407, page("Proxy Authentication Required")), "/v1", 1, ["HTTP 407", "HTTPS_PROXY"]),
    "502": (answer(502, page("502 Bad Gateway")), "/v1", 3, ["answers 502 to everything", "502 Bad Gateway"]),
    "503": (answer(503, error("no capacity")), "/v1", 3, ["answers 503 to everything", "no capacity"]),
    "quota": (answer(429, error("You exceeded your current quota", "insufficient_quota")), "/v1", 1,
              ["quota_exhausted", "You exceeded your current quota", "waiting does not help"]),
    "a wrong form": (answer(400, error("'messages' is a required property")), "/v1", 1,
                     ["HTTP 400", "'messages' is a required property", "refuses the request itself"]),
    "a reset": (None, "/v1", 3, ["connection_reset", "https:// instead of http://"]),
}

# Answers that only one of the two forms of a request can have.
NOT_STREAMED = ["Anthropic's answer"]
STREAMED = ["Anthropic's stream"]

failures = []


def expect(holds, what, detail):
    print(("ok      " if holds else "FAILED  ") + what + ("" if holds else f": {detail}"), flush=True)
    if not holds:
        failures.append(what)


def check(name, url, words, questions=lambda: 0, most=0, options=()):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("LLMLOAD_", "OPENAI_"))}
    environment["OPENAI_API_KEY"] = "sk-hopeless-key"
    command = [LLMLOAD, "bench", "--provider", "openai", "--url", url, "--model", "m", "--rate", "50/s", "--duration", "2s",
               "--slo", "success>=99%", *options]
    begun = time.monotonic()
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    # The plan, which may go on in a second line, and the sign of life are not about the failure.
    sentences = [line for line in run.stderr.splitlines()
                 if "input tokens" not in line and "waiting for" not in line and not line.startswith("  ")]
    said = " ".join(sentences)
    print(f"        {name}, {time.monotonic() - begun:.1f} s: {said}")
    wrong = []
    if run.returncode != UNAVAILABLE or run.stdout:
        wrong.append(f"exit status {run.returncode}, on standard output {run.stdout[:200]!r}")
    if len(sentences) != 1:
        wrong.append(f"{len(sentences)} lines instead of one sentence")
    wrong += [f"no {word!r}" for word in words if word not in said]
    wrong += [f"{secret!r} is shown" for secret in ("sk-hopeless-key", "hidden-key") if secret in run.stderr]
    if not (1 <= questions() <= most if most else questions() == 0):
        wrong.append(f"{questions()} questions, at most {most} expected")
    expect(not wrong, name, "; ".join(wrong))
    return run.stderr


def check_answers():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for name, (bytes_of_answer, path, most, words) in ANSWERS.items():
            for options in [(), ("--no-stream",)]:
                if name in (NOT_STREAMED if options == () else STREAMED):
                    continue
                server = Server(bytes_of_answer)
                pool.submit(check, " ".join((name, *options)), server.url + path, words,
                            lambda server=server: server.questions, most, options)


def check_silence():
    """A server that takes its time: the screen says so, and not only in the end."""
    server = Server(answer(401, error("Incorrect API key provided", "invalid_api_key")), after=2.2)
    said = check("a slow refusal", server.url + "/v1", ["HTTP 401"], lambda: server.questions, 1)
    line = f"waiting for the first answer of {server.url}/v1, 2 s so far; gives up after "
    expect(said.startswith(line) or "\n" + line in said, "says that it waits", said)


def check_addresses():
    """What fails before there is an answer."""
    closed = socket.create_server(("127.0.0.1", 0))
    url = "http://127.0.0.1:%d/v1" % closed.getsockname()[1]
    closed.close()
    check("nobody listens", url, ["connect_failure", "Connection refused", "start the server"])
    # The label is too long to be looked up, so that no name server is asked.
    check("no such host", "https://" + "a" * 64 + ".test/v1", ["dns_failure", "check the host name"], options=["--spend"])
    clear = Server(answer(200, "unseen"))
    check("HTTPS on an HTTP port", clear.url.replace("http:", "https:") + "/v1",
          ["tls_failure", "http:// instead of https://"], lambda: clear.questions)

    with tempfile.TemporaryDirectory() as folder:
        authority = os.path.join(folder, "ca.pem")
        server = subprocess.Popen([LLMLOAD, "fake-server", "--ca-file", authority, "--max-time", "60s"],
                                  stdout=subprocess.PIPE, text=True)
        try:
            url = server.stdout.readline().split()[2]
            check("an unknown authority", url, ["tls_failure", "certificate", "LLMLOAD_CA_FILE"])
            port = int(url.split(":")[2].split("/")[0])
            check("another host's certificate", Relay(port).url + "/v1",
                  ["the certificate is for another host, check the URL"], options=["--ca-file", authority])
            check("HTTP on an HTTPS port, closed", url.replace("https:", "http:"), ["https:// instead of http://"])
        finally:
            server.kill()
            server.wait()


check_addresses()
check_silence()
check_answers()
if failures:
    sys.exit(f"{len(failures)} of the targets: " + ", ".join(failures))
